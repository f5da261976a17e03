# Read by scripts/test.sh when it is called with --under asan, tsan or valgrind: the same suites, watched.
#
#   asan      AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer: every suite but fuzz, whose search has them
#             always, and package. Gateways run as in production, in namespaces and against strongSwan, too.
#   tsan      ThreadSanitizer: the tests of workers and of what the control thread does with them, and some histories of the
#             simulation. Compilers know no other sanitizer beside it, so it has a build of its own, of no more than these.
#   valgrind  memcheck: the programs among the unit tests. Its CPU has no AVX-512.
#
# Whatever is reported by any process, also by one whose test has passed, is a failure of its own, and shown.

reports=$(mktemp -d /tmp/sealane-reports-XXXXXX)
chmod 1777 "$reports" # of the ordinary user as whom the wire suite runs, too

# What watched processes have said while the last test ran, as a failure in its log. So one test runs at a time.
add_reports() { # LOG
	local report
	for report in "$reports"/*; do
		[ -s "$report" ] || continue
		sed 's/^/# /' "$report" >>"$1"
		echo "not ok - reported by ${report##*/}" >>"$1"
	done
	rm -f "$reports"/*
}

case $under in
asan)
	tree=build-asan every=(unit sim wire lab interop perf)
	options=(-Db_sanitize=address,undefined -Dbuildtype=debugoptimized)
	export ASAN_OPTIONS=log_path=$reports/asan:log_exe_name=1 LSAN_OPTIONS=suppressions=$top/tests/sanitizers/leaks.supp:print_suppressions=0
	export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:log_path=$reports/ubsan:log_exe_name=1
	;;
tsan)
	tree=build-tsan every=(unit sim)
	options=(-Db_sanitize=thread -Dbuildtype=debugoptimized)
	only=(test_threads test_workers test_spreading test_sa test_gate sim)
	targets=(tests/unit/test_{threads,workers,spreading,sa,gate} tests/sim/sim)
	# Its shadow memory has no place where addresses are too random.
	watched=(setarch -R)
	export SEEDS=${SEEDS:-300}
	export TSAN_OPTIONS=log_path=$reports/tsan:log_exe_name=1:suppressions=$top/tests/sanitizers/threads.supp:print_suppressions=0
	;;
valgrind)
	tree=build every=(unit)
	options=()
	watched=("$top/tests/sanitizers/memcheck.sh" "$reports")
	;;
*) rmdir "$reports" && echo "test.sh: cannot run under '$under', expected asan, tsan or valgrind" >&2 && exit 2 ;;
esac

run_under() {
	at_once=1
	for suite in "${suites[@]}"; do
		[[ ${#only[@]} = 0 || " ${every[*]} " == *" $suite "* ]] && continue
		echo "test.sh: nothing of suite '$suite' runs under $under, expected some of: ${every[*]}" >&2 && exit 2
	done
	build_or_stop "$tree" "${options[@]}"
	for suite in "${suites[@]}"; do
		case $suite in
		wire) run_wire ;;
		lab | interop | package) run_in_namespaces "$suite" ;;
		*) run_suite "$tree" "$suite" 1 "${watched[@]}" ;;
		esac
	done
	finish
}

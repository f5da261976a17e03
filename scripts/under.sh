# Read by scripts/test.sh when it is called with --under asan or valgrind: the same suites, watched.
#
#   asan      AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer: every suite but fuzz, whose search has them
#             always, and package. Gateways run as in production, in namespaces and against strongSwan, too.
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
valgrind)
	tree=build every=(unit)
	options=()
	watched=("$top/tests/sanitizers/memcheck.sh" "$reports")
	;;
*) rmdir "$reports" && echo "test.sh: cannot run under '$under', expected asan or valgrind" >&2 && exit 2 ;;
esac

run_under() {
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

# TAP for the tests here that are written in shell; source it. A test asks `run` for a command's exit code, looks at what the
# command left in the files out and err, and reports.

count=0

report() { # RESULT NAME [FILE]: one line, and on failure what the file says, or else what explain prints
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count - $2"
		return
	fi
	echo "not ok $count - $2"
	if [ $# -ge 3 ]; then cat "$3"; else explain; fi 2>&1 | sed 's/^/# /'
}

explain() { cat out err; } # a test may have more to say

skip() { # NAME WHY
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

run() { # EXIT-CODE COMMAND...: fails when the code is another; leaves out and err
	local expected=$1 code
	shift
	"$@" >out 2>err
	code=$?
	[ "$code" = "$expected" ] || { echo "exit code $code, not $expected" >>err && return 1; }
}

finish() { echo "1..$count"; }

#!/bin/sh
# Runs the test programs and scripts given, all of them whatever happens, and counts. Exit status of
# a test: 0 passed, 77 skipped (it names what it lacks), anything else failed. With CI=true a skip
# counts as a failure. TEST_TIMEOUT: seconds a test may take.
set -u
export PYTHONDONTWRITEBYTECODE=1
passed=0 failed=0 skipped=0

run()
{
    case $1 in
    *.py) timeout "${TEST_TIMEOUT:-1200}" "${PYTHON:-python3}" "$1" ;;
    *.sh) timeout "${TEST_TIMEOUT:-1200}" bash "$1" ;;
    *)
        if [ -e "$1" ]; then
            timeout "${TEST_TIMEOUT:-1200}" "$1"
        else
            echo "$1 was not built: no Check here"
            return 77
        fi
        ;;
    esac
}

for test in "$@"; do
    echo "--- $test"
    run "$test" </dev/null
    status=$?
    case $status in
    0) passed=$((passed + 1)) ;;
    77)
        skipped=$((skipped + 1))
        echo "SKIPPED $test"
        ;;
    *)
        failed=$((failed + 1))
        echo "FAILED $test (exit status $status)"
        ;;
    esac
done

bad=$failed
if [ "${CI:-}" = true ] && [ "$skipped" -gt 0 ]; then
    echo "CI=true allows no skip"
    bad=$((failed + skipped))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$bad" -eq 0 ] && [ "$passed" -gt 0 ]

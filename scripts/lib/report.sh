# shellcheck shell=bash
# Collects what ran, what did not and why, and closes with one summary.

report_lines=()
report_passed=0
report_failed=0
report_skipped=0

# report_suite NAME STATUS PASSED FAILED SKIPPED: a suite that ran. A status other than 0 counts as
# a failure even where no single test failed, such as when it did not compile.
report_suite() {
    local name=$1 status=$2 passed=$3 failed=$4 skipped=$5 verdict=ok
    if ((status != 0 && failed == 0)); then
        failed=1
        verdict="stopped with exit code $status"
    elif ((failed > 0)); then
        verdict=FAILED
    fi
    report_lines+=("$(printf '  %-12s %s: %d passed, %d failed, %d not run' \
        "$name" "$verdict" "$passed" "$failed" "$skipped")")
    ((report_passed += passed, report_failed += failed, report_skipped += skipped))
    return 0
}

# report_not_run NAME REASON: something that could not run here.
report_not_run() {
    report_lines+=("$(printf '  %-12s did not run: %s' "$1" "$2")")
    ((report_skipped += 1))
    return 0
}

# report_note TEXT: a line below the suite it belongs to.
report_note() {
    report_lines+=("               $1")
}

# Prints the summary; succeeds if nothing failed and something ran.
report_close() {
    printf '\nSummary\n'
    printf '%s\n' "${report_lines[@]}"
    printf '\n%d passed, %d failed, %d skipped\n' "$report_passed" "$report_failed" "$report_skipped"
    ((report_failed == 0 && report_passed > 0))
}

# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of lib/guest.sh
#
# The conformance program (tests/uapi) in the test guest, on Linux's own
# /dev/iommu and /dev/vfio.  Sourced by lib/guest.sh.
#
#   guest_judge_uapi        one result for each of its files, and one for each
#                           case that failed, or did not run

# guest_uapi_lines: "FILE STATUS CASE" of each case, and what was said before
# a case that failed
guest_uapi_lines() {
    awk '$1 != "uapi" { next }
        { sub(/^uapi /, "") }
        /^(not )?ok [0-9]+ - / {
            status = /^not / ? "fail" : / # SKIP / ? "skip" : "ok"
            sub(/^(not )?ok [0-9]+ - /, "")
            file = $0
            sub(/[\/:].*/, "", file)
            print file, status, $0 (status == "fail" ? said : "")
            said = ""
        }
        /^# / && !/^# devices:/ { said = said "; " substr($0, 3) }
        /^Bail out!/ { print "program", "fail", $0 }
    ' <<<"$guest_report"
}

guest_judge_uapi() {
    local lines plan n file status text count skipped
    lines=$(guest_uapi_lines)
    plan=$(sed -n 's/^uapi 1\.\.//p' <<<"$guest_report")
    n=$(grep -cv '^program ' <<<"$lines" || true)
    guest_expect "conformance" "$n cases of ${plan:-?}, $(
        guest_line 'uapi # devices' | cut -d ' ' -f 4-)" \
        "n > 0 && n == ${plan:-0}"
    for file in $(cut -d ' ' -f 1 <<<"$lines" | awk '!seen[$0]++'); do
        skipped=0
        while read -r _ status text; do
            case $status in
            skip)
                guest_matches "${text%% # *}" "$guest_uapi_absent" ||
                    guest_result fail "${text%% # *}" "${text#* # }"
                skipped=$((skipped + 1))
                ;;
            fail) guest_result fail "${text%%; *}" "${text#*; }" ;;
            esac
        done < <(grep "^$file " <<<"$lines")
        count=$(grep -c "^$file ok " <<<"$lines" || true)
        if [ $((count + skipped)) != 0 ]; then
            guest_result ok "$file" "$count cases$(
                [ $skipped = 0 ] || echo ", $skipped with nothing to run on")"
        fi
    done
}

# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of lib/guest.sh, arithmetic ones
#
# What the guest's report tells: the unit as Linux sees it, groups, disks,
# network, the table for firmware.  Sourced by lib/guest.sh.

# guest_field LINE KEY: the value of KEY= in LINE
guest_field() {
    local word
    for word in $1; do
        if [ "${word%%=*}" = "$2" ]; then
            printf '%s' "${word#*=}"
            return 0
        fi
    done
}

# guest_line START: the report's first line that begins so
guest_line() {
    grep -m 1 "^$1\b" <<<"$guest_report" || true
}

# guest_expect NAME TEXT CONDITION...: CONDITION is an arithmetic one
guest_expect() {
    if (($3)); then
        guest_result ok "$1" "$2"
    else
        guest_result fail "$1" "$2"
    fi
}

guest_judge_end() {
    local folder=$1 line
    line=$(guest_line end)
    if [ -n "$line" ] && [ "$guest_status" = 0 ]; then
        guest_result ok boot "Linux $(guest_line kernel | cut -d ' ' -f 2)$(
            ), finished after $(guest_field "$line" uptime) s of its own time"
        return 0
    fi
    case $guest_status in
    124 | 137) line="no end within $guest_timeout s" ;;
    0) line="the guest stopped before its end" ;;
    *) line="QEMU's exit status $guest_status" ;;
    esac
    line+=": $( (grep -v '^$' "$folder/qemu.log"
                 tail -n 1 "$folder/console.log") 2>/dev/null |
               tr -d '\r' | tail -n 1)"
    guest_result fail boot "$line"
    return 1
}

guest_judge_processors() {
    local n_cpus
    n_cpus=$(guest_line cpus)
    guest_expect processors "${n_cpus#cpus }" \
        "${n_cpus#cpus } + 0 == guest_smp"
}

guest_judge_unit() {
    local unit regs cap gsts n mgaw
    unit=$(guest_line unit)
    regs=$(guest_line regs)
    n=$(grep -c '^unit ' <<<"$guest_report" || true)
    guest_expect unit "${n} unit(s), at $(guest_field "$unit" address)" \
        "n == 1 + ${#guest_further[@]} &&
         $(guest_field "$unit" address) + 0 == 0xfed90000"
    cap=$(guest_field "$regs" cap)
    gsts=$(guest_field "$regs" gsts)
    cap=${cap:-0} gsts=${gsts:-0}
    guest_expect "DMA remapping" "status register $gsts" \
        "(gsts >> 31 & 1) && (gsts >> 26 & 1)"
    mgaw=$(((cap >> 16 & 0x3f) + 1))
    guest_expect "address width" "$mgaw bits" "mgaw == guest_aw"
    guest_expect "caching mode" "$((cap >> 7 & 1))" \
        "(cap >> 7 & 1) == guest_caching"
    guest_judge_intremap "$gsts"
}

guest_judge_intremap() {
    local line=' ' gsts=$1 remapped plain mode=none
    line=$(guest_line interrupts)
    remapped=$(guest_field "$line" remapped)
    plain=$(guest_field "$line" plain)
    remapped=${remapped:-0} plain=${plain:-0}
    if grep -q 'DMAR-IR: Enabled IRQ remapping in x2apic mode' \
            "$guest_console"; then
        mode=x2apic
    elif grep -q 'DMAR-IR: Enabled IRQ remapping in xapic mode' \
            "$guest_console"; then
        mode=xapic
    fi
    if [ "$guest_intremap" = 1 ]; then
        guest_expect "interrupt remapping" \
            "$mode mode, $remapped MSIs remapped, $plain not" \
            "(gsts >> 25 & 1) && remapped > 0 && plain == 0"
    else
        guest_expect "interrupt remapping off" \
            "$mode, $remapped MSIs remapped, $plain not" \
            "!(gsts >> 25 & 1) && remapped == 0 && plain > 0"
    fi
    case $guest_x2apic in
    1) guest_expect x2APIC "$mode mode" "$(text_equal $mode x2apic)" ;;
    0) guest_expect xAPIC "$mode mode" "$(text_equal $mode xapic)" ;;
    esac
}

# 1 when the two are the same, for guest_expect
text_equal() {
    if [ "$1" = "$2" ]; then
        echo 1
    else
        echo 0
    fi
}

guest_judge_groups() {
    local driver line type bad='' groups n drivers=(virtio-pci e1000e)
    [ "$guest_migrate" = 1 ] || drivers+=(nvme)
    for driver in "${drivers[@]}"; do
        line=$(grep -m 1 "^device .* driver=$driver " <<<"$guest_report") ||
            line=''
        type=$(guest_field "$line" type)
        [ "$type" = "$guest_type" ] || bad+=" $driver:${type:-not-bound}"
    done
    groups=$(grep -o '^device .*group=[0-9]*' <<<"$guest_report" |
             sed 's/.*group=//' | sort -u | wc -l)
    n=$(grep -c '^device .* group=[0-9]' <<<"$guest_report" || true)
    guest_expect groups \
        "$n devices in $groups groups of type $guest_type${bad:+; wrong:$bad}" \
        "$(text_equal "$bad" '') && groups > 0"
}

# Endpoints with ATS switched on: the disk and, with the option, the test
# device, which then also has the PASID and PRI of its options.
guest_judge_ats() {
    local n want=$guest_ats line word wrong=''
    n=$(grep -c '^ats .*enabled=1' <<<"$guest_report" || true)
    case ,$guest_endpoint, in
    *,ats=on,*)
        want=$((want + 1))
        line=$(grep '^ats .*enabled=1' <<<"$guest_report" |
               grep -F "$(guest_testdev_address)" || true)
        for word in pri pasid; do
            case $word,$(guest_line kernel),$guest_endpoint, in
            # PRI from the first user of page faults on only, which is none
            pri,*' 6.12.'*) ;;
            *,$word=on,* | *,$word-bits=*)
                [ "$(guest_field "$line" $word)" = 1 ] || wrong+=" no $word"
                ;;
            esac
        done
        guest_expect "PASID, PRI" "${line:-no report}$wrong" \
            "$(text_equal "$wrong" '')"
        ;;
    esac
    [ "$want" = 0 ] ||
        guest_expect ATS "$n endpoint(s) have it on" "n == want"
}

# guest_lspci FOLDER LINE: what lspci says of the configuration space in LINE
guest_lspci() {
    local words
    words=$(guest_field "$2" config | sed 's/../& /g; s/.\{48\}/&\n/g')
    {
        echo "00:00.0 endpoint"
        awk 'NF { printf "%02x: %s\n", 16 * n++, $0 }' <<<"$words"
    } >"$1/lspci.txt"
    lspci -F "$1/lspci.txt" -n -vvv 2>&1
}

# The endpoint as Linux and lspci see it, and after Linux has reset it alone,
# which gives back what it saved.
guest_judge_endpoints() {
    local folder=$1 line name dump after word wrong want kind width
    while read -r line; do
        name=$(cut -d ' ' -f 2 <<<"$line")
        dump=$(guest_lspci "$folder" "$line")
        printf '%s\n' "$dump" >"$folder/lspci-$name.log"
        want=('Power Management version 3' 'NoSoftRst+' 'MSI: Enable'
            'MSI-X: Enable' 'ExtTag+' 'RBE+' 'FLReset+')
        case $name in
        0000:00:*)
            kind="integrated into the root complex"
            width=0
            want+=('Express (v2) Root Complex Integrated Endpoint')
            ;;
        *)
            kind="behind a port"
            width=1
            want+=('Express (v2) Endpoint' 'Speed 2.5GT/s, Width x1'
                'ASPMOptComp+')
            ;;
        esac
        wrong=''
        for word in "${want[@]}"; do
            [[ $dump = *"$word"* ]] || wrong+="; not '$word'"
        done
        case $name,$dump in
        0000:00:*,*LnkSta:*) wrong+="; a link" ;;
        esac
        # what lspci says of lists and fields that are wrong
        for word in loop unknown Unknown '<?>' broken reserved '!!!'; do
            [[ $dump != *"$word"* ]] || wrong+="; '$word'"
        done
        [[ ,$(guest_field "$line" methods), = *,flr,* ]] || wrong+="; no flr"
        [ "$(guest_field "$line" width)" = "$width" ] ||
            wrong+="; not a width of $width"
        guest_expect "endpoint" "$name, $kind: methods $(
            )$(guest_field "$line" methods), power $(
            )$(guest_field "$line" power), width $(
            )$(guest_field "$line" width)$wrong" \
            "$(text_equal "$wrong" '')"
        after=$(grep -m 1 "^endpoint-sleep $name " <<<"$guest_report") || true
        # the lab's kernels have no power management
        guest_expect "endpoint asleep and awake" "$(
            )$(guest_field "$after" power)" \
            "$(text_equal "$(guest_field "$after" power)" \
                "$([ -n "$guest_kernel" ] && echo absent || echo D3hot,D0)")"
        after=$(grep -m 1 "^endpoint-reset $name " <<<"$guest_report") || true
        guest_expect "endpoint's reset" "$(guest_field "$after" reset), $(
            )registers as before" \
            "$(text_equal "$(guest_field "$after" reset) $(
                )$(guest_field "$after" config)" \
                "yes $(guest_field "$line" config)")"
    done < <(grep '^endpoint ' <<<"$guest_report")
}

guest_testdev_address() {
    guest_field "$(grep -m 1 '^device .* id=1234:76d0' <<<"$guest_report" |
                   sed 's/^device \([^ ]*\)/device address=\1/')" address
}

# Scalable mode: the root table's type, and the page request queue if the
# unit has one.
guest_judge_scalable() {
    local regs ecap rtaddr pqa prq
    [ "$guest_scalable" = 1 ] || return 0
    regs=$(guest_line regs)
    ecap=$(guest_field "$regs" ecap)
    rtaddr=$(guest_field "$regs" rtaddr)
    guest_expect "scalable mode" "ecap $ecap, root table $rtaddr" \
        "(${ecap:-0} >> 43 & 1) && (${rtaddr:-0} >> 10 & 3) == 1"
    case ,$guest_iommu, in
    *,pri=on,*)
        pqa=$(guest_field "$regs" pqa)
        prq=$(guest_field "$(guest_line interrupts)" prq)
        guest_expect "page request queue" \
            "at ${pqa:-0}, ${prq:-0} interrupt(s) of its own" \
            "(${ecap:-0} >> 29 & 1) && ${pqa:-0} > 0xfff && ${prq:-0} == 1"
        ;;
    esac
}

# guest_matches WORD PATTERNS
guest_matches() {
    local pattern patterns
    read -ra patterns <<<"$2"
    for pattern in "${patterns[@]}"; do
        # shellcheck disable=SC2053 # it is a pattern
        [[ $1 != $pattern ]] || return 0
    done
    return 1
}

# guest_judge_checks START NAME: the report's lines "START CHECK STATUS TEXT"
guest_judge_checks() {
    local name status text n count
    n=$(grep -c "^$1 " <<<"$guest_report" || true)
    count=$(guest_field "$(guest_line "$1-end")" count)
    guest_expect "$2" "$n checks of ${count:-?}" \
        "n > 0 && n == ${count:-0}"
    while read -r _ name status text; do
        if guest_matches "$name" "$guest_vfio_absent"; then
            guest_expect "no $name" "$text" "$(text_equal "$status" skip)"
        elif [ "$status" = skip ] &&
             ! guest_matches "$name" "$guest_vfio_skips"; then
            guest_result fail "$name" "not there: $text"
        else
            guest_result "$status" "$name" "$text"
        fi
    done < <(grep "^$1 " <<<"$guest_report")
}

# The endpoint in the hands of a process.
guest_judge_vfio() {
    [ "$guest_vfio" = 1 ] || return 0
    guest_judge_checks sva "shared address spaces"
    guest_judge_checks vfio "VFIO and iommufd"
}

# With further units, the disks are behind different ones.
guest_judge_units() {
    local nvme virtio first=dmar0 second=dmar1
    [ ${#guest_further[@]} != 0 ] || return 0
    if [ "$guest_arch" = aarch64 ]; then
        first=smmu3.0x0000000009050000
        second=smmu3.0x000000000c000000
    fi
    nvme=$(guest_field "$(guest_line 'device .* driver=nvme')" unit)
    virtio=$(guest_field "$(guest_line 'device .* driver=virtio-pci')" unit)
    guest_expect "who is behind which" "nvme: $nvme, virtio-blk: $virtio" \
        "$(text_equal "$nvme" $second) && $(text_equal "$virtio" $first)"
    [ "$guest_arch" = x86_64 ] || guest_judge_event_units
}

# The regions that devices go on using (not Linux's own, which it calls
# relaxable) are those asked for, and no others.
guest_judge_reserved() {
    local one range source line group wrong='' n
    for one in "${guest_reserved[@]}"; do
        range=${one%@*}
        source=${one#*@}
        line=$(grep -m 1 "^device 0000:$source " <<<"$guest_report") || line=''
        group=$(guest_field "$line" group)
        grep -q "^reserved group=$group first=$(
                printf '0x%016x last=0x%016x' "${range%-*}" "${range#*-}"
            ) type=direct$" <<<"$guest_report" || wrong+=" $one"
    done
    n=$(grep -c '^reserved .* type=direct$' <<<"$guest_report" || true)
    guest_expect "reserved regions" "$n in all${wrong:+, missing:$wrong}" \
        "n == ${#guest_reserved[@]} && $(text_equal "$wrong" '')"
}

# A device scope entry as iasl shows it: TYPE ID BUS STEP...
guest_dmar_scope() {
    local step path=''
    for step in "${@:4}"; do
        path+="PCI Path=$step;"
    done
    printf 'Device Scope Type=%s;Entry Length=%02X;' "$1" $((6 + 2 * ($# - 3)))
    printf 'Enumeration ID=%s;PCI Bus Number=%s;%s' "$2" "$3" "$path"
}

# A reserved region: BASE LIMIT SCOPE...
guest_dmar_region() {
    local scopes
    scopes=$(printf '%s' "${@:3}")
    printf 'Subtable Type=0001;Length=%04X;PCI Segment Number=0000;' \
        $((24 + $(grep -o 'Entry Length=[0-9A-F]*' <<<"$scopes" |
                  sed 's/.*=/+ 0x/' | tr -d '\n')))
    printf 'Base Address=%016X;End Address (limit)=%016X;%s' "$1" "$2" \
        "$scopes"
}

# What iasl should show of the table, from the address width on.
guest_dmar_wanted() {
    local one scopes
    scopes=$(guest_dmar_scope 03 00 FF 00,00)
    for one in $guest_dmar; do
        scopes+=$(guest_dmar_scope "${one%:*}" 00 00 "${one#*:}")
    done
    printf 'Host Address Width=%02X;Flags=%02X;' $((guest_aw - 1)) \
        $((guest_intremap | guest_dmar_flags))
    printf 'Subtable Type=0000;Length=%04X;' \
        $((24 + 8 * $(wc -w <<<"$guest_dmar")))
    printf 'Flags=00;PCI Segment Number=0000;'
    printf 'Register Base Address=00000000FED90000;%s%s' "$scopes" \
        "$guest_dmar_more"
}

guest_judge_dmar() {
    local folder=$1 table got wanted
    [ -n "$guest_dmar" ] || return 0
    table=$(guest_field "$(guest_line DMAR)" table)
    if ! command -v iasl >/dev/null; then
        guest_result skip "DMAR table" "iasl is not installed"
        return 0
    fi
    # shellcheck disable=SC2001 # two digits at a time
    printf '%b' "$(sed 's/../\\x&/g' <<<"$table")" >"$folder/dmar.aml"
    rm -f -- "$folder/dmar.dsl"
    iasl -d "$folder/dmar.aml" >"$folder/iasl.log" 2>&1 || true
    got=$(sed -nE '/^\[/{s/^\[[^]]*\] +(.*[^ ]) : ([^[]*[^[ ]).*/\1=\2;/;p}' \
            "$folder/dmar.dsl" 2>/dev/null |
        grep -vE '^(Reserved|Size|Checksum)' | tr -d '\n')
    got="Host Address Width=${got#*Host Address Width=}"
    wanted=$(guest_dmar_wanted)
    if [ "$got" = "$wanted" ] &&
       ! grep -qiE 'incorrect checksum|invalid' "$folder/iasl.log"; then
        guest_result ok "DMAR table" "$((${#table} / 2)) bytes, as asked for"
    else
        guest_result fail "DMAR table" "iasl shows $got; wanted: $wanted"
    fi
}

# guest_disk_good FOLDER LABEL: do both sides have the same data?  Sets
# disk_line, disk_host and disk_sum to what they say.
guest_disk_good() {
    disk_line=$(guest_line "disk $2")
    disk_host=$("$guest_image/viommu-guest" check "$1/$2.img" \
                "$guest_mib" "$guest_random" 2>&1) || true
    disk_sum=$(guest_field "$disk_host" sum)
    [ "$(guest_field "$disk_line" bytes)" = $((guest_mib << 20)) ] &&
    [ "$(guest_field "$disk_line" wrong)" = 0 ] &&
    [ "$(guest_field "$disk_host" wrong)" = 0 ] &&
    [ "$(guest_field "$disk_line" written)" = "$disk_sum" ] &&
    [ "$(guest_field "$disk_line" read)" = "$disk_sum" ]
}

guest_judge_disk() {
    if guest_disk_good "$1" "$2"; then
        guest_result ok "$2" "$guest_mib MiB written and read back$(
            ), checksum $disk_sum on both sides"
    else
        guest_result fail "$2" "guest: ${disk_line:-no report}; host: $disk_host"
    fi
}

guest_judge_net() {
    local folder=$1 line host
    line=$(guest_line net)
    host=$(cat -- "$folder/serve.log" 2>/dev/null || true)
    if [ "$(guest_field "$line" sent)" = $((guest_netmib << 20)) ] &&
       [ "$(guest_field "$line" received)" = $((guest_netmib << 20)) ] &&
       [ "$(guest_field "$line" wrong)$(guest_field "$host" wrong)" = 00 ] &&
       [ "$(guest_field "$line" sentsum)" = \
         "$(guest_field "$host" receivedsum)" ] &&
       [ "$(guest_field "$line" receivedsum)" = \
         "$(guest_field "$host" sentsum)" ]; then
        guest_result ok e1000e "$guest_netmib MiB each way, checksums $(
            guest_field "$line" sentsum) and $(
            guest_field "$line" receivedsum)"
    else
        guest_result fail e1000e "guest: ${line:-no report}; host: $host"
    fi
}

# guest_option NAME DEFAULT: the value of one of the unit's options
guest_option() {
    local word
    for word in ${guest_iommu//,/ }; do
        if [ "${word%%=*}" = "$1" ]; then
            echo "${word#*=}"
            return 0
        fi
    done
    echo "$2"
}

# guest_problem TEXT CONDITION: adds to problems unless the arithmetic
# condition holds.
guest_problem() {
    (($2)) || problems+="; $1"
}

# One line for a guest with a combination of options: remapping is really on,
# as the options say, Linux complains of nothing, and the disks are right.
guest_judge_options() {
    local folder=$1 name=$2 mode=$3 regs gsts cap rtaddr on label problems=''
    local remapped line scalable=0
    guest_console=$folder/console.log
    guest_report=$(tr -d '\r' <"$folder/report.log" 2>/dev/null || true)
    on=$(text_equal "$(guest_option dma-translation on)" on)
    [ "$mode,$(guest_option x-scalable-mode off)" != sm_on,on ] || scalable=1
    guest_problem "no end (QEMU: $guest_status, $(
        tail -n 1 "$folder/qemu.log"))" \
        "guest_status == 0 && $(grep -c '^end ' <<<"$guest_report" || true)"
    line=$(grep -aE 'valid (max )?agaw|handling fault|hardware is malfunc|DMAR.*(Failed|failed|disabled)|(DMA|INTR-REMAP).*[Ff]ault' \
        "$guest_console" | head -n 1 | tr -d '\r' || true)
    guest_problem "Linux says: $line" "$(text_equal "$line" '')"
    line=$(guest_line interrupts)
    remapped=$(guest_field "$line" remapped)
    guest_problem "interrupts: $line" "(${remapped:-0} > 0) == $(
        text_equal "$(guest_option intremap auto)" on)"
    if [ "$on" = 1 ]; then
        guest_problem "Linux does not say \"for Directed I/O\"" "$(grep -ac \
            'DMAR: Intel(R) Virtualization Technology for Directed I/O' \
            "$guest_console" || true)"
        regs=$(guest_line regs)
        gsts=$(guest_field "$regs" gsts) cap=$(guest_field "$regs" cap)
        rtaddr=$(guest_field "$regs" rtaddr)
        gsts=${gsts:-0} cap=${cap:-0} rtaddr=${rtaddr:-0}
        guest_problem "status register $gsts" \
            "(gsts >> 31 & 1) && (gsts >> 30 & 1) && (gsts >> 26 & 1)"
        guest_problem "capabilities $cap" \
            "(cap >> 16 & 0x3f) + 1 == $(guest_option aw-bits 48)"
        guest_problem "root table $rtaddr" "(rtaddr >> 10 & 3) == scalable"
        guest_problem "no group of type DMA" "$(grep -c \
            '^device .* driver=nvme .* type=DMA ' <<<"$guest_report" || true)"
    else
        guest_problem "translation that is off" "$(
            grep -ac 'No supported address widths' "$guest_console" || true)"
    fi
    for label in nvme virtio-blk; do
        guest_disk_good "$folder" "$label" ||
            problems+="; $label: ${disk_line:-no report}, host: $disk_host"
    done
    if [ -z "$problems" ]; then
        guest_result ok "$name" "$mode $guest_iommu"
    else
        guest_result fail "$name" "$mode $guest_iommu${problems}"
    fi
}

guest_judge() {
    local folder=$1 label
    guest_folder=$folder
    guest_console=$folder/console.log
    guest_report=$(tr -d '\r' <"$folder/report.log" 2>/dev/null || true)
    guest_judge_end "$folder" || return 0
    guest_judge_processors
    if [ -n "$guest_uapi" ]; then
        guest_judge_uapi
        guest_faults=()
        guest_judge_log
        return 0
    fi
    if [ "$guest_arch" = aarch64 ]; then
        guest_judge_smmu
    else
        guest_judge_unit
    fi
    guest_judge_groups
    guest_judge_scalable
    guest_judge_ats
    guest_judge_endpoints "$folder"
    guest_judge_units
    guest_judge_reserved
    guest_judge_dmar "$folder"
    for label in nvme virtio-blk; do
        [ "$guest_migrate$label" = 1nvme ] ||
            guest_judge_disk "$folder" "$label"
    done
    guest_judge_net "$folder"
    guest_judge_dma
    guest_judge_vfio
    guest_judge_log
}

# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034 # variables that callers or arithmetic strings use
#
# Boots the test guest and judges its report.  Sourced after lib/apt.sh.
#
#   guest_defaults               sets the variables below to the default guest
#   guest_command FOLDER         puts QEMU's command line into guest_argv
#   guest_run FOLDER             boots it, with its files in FOLDER
#   guest_judge FOLDER           calls guest_result for each thing it checks
#
# The caller defines
#   guest_result STATUS NAME TEXT    STATUS is ok, fail or skip

# shellcheck source=scripts/lib/guest-arm.sh
. "${BASH_SOURCE[0]%/*}/guest-arm.sh"
# shellcheck source=scripts/lib/guest-uapi.sh
. "${BASH_SOURCE[0]%/*}/guest-uapi.sh"
# shellcheck source=scripts/lib/guest-inner.sh
. "${BASH_SOURCE[0]%/*}/guest-inner.sh"
guest_root=$(cd -- "${BASH_SOURCE[0]%/*}/../.." && pwd)

# The machine's and the test's parameters; callers change them between
# guest_defaults and guest_run.
guest_defaults() {
    guest_arch=x86_64           # or aarch64 (lib/guest-arm.sh)
    guest_qemu=''               # folder of qemu-system-* and firmware
    guest_image=''              # folder that scripts/guest-image makes
    guest_kernel=''             # another kernel
    guest_iommu=intremap=on     # options of the intel-iommu device
    guest_further=()            # options of further units; on Arm, each is
                                # for a root bus of its own
    guest_append='intel_iommu=on iommu.strict=1'
    guest_cpu=qemu64
    guest_smp=1
    guest_devices=()            # further -device options
    guest_mib=64                # on each disk
    guest_netmib=16             # over the network, in each direction
    guest_type=DMA              # what Linux says of the groups' domains
    guest_intremap=1            # is interrupt remapping expected?
    guest_x2apic=''             # expected mode: 1, 0; empty: not judged
    guest_aw=48                 # the unit's address width
    guest_ats=0                 # a disk with ATS
    guest_blk=''                # further options of the virtio disk
    guest_endpoint=''           # options of viommu-testdev
    guest_endpoint_at=bus=rp2   # where it is
    guest_stalls=0              # its faults are held until software looks
    guest_scalable=0            # scalable mode is expected
    guest_vfio=0                # viommu-testdev in the hands of a process
    guest_vfio_skips=''         # its checks that this kernel may not have,
    guest_vfio_absent=''        # or must refuse behind this unit: patterns
    guest_uapi=''               # words for tests/uapi's program, with commas;
                                # nothing else is tested then
    guest_uapi_absent=''        # its cases that cannot run there: patterns
    guest_caching=0             # caching mode
    # at most three faults in all: Linux stops logging (10 messages in 5 s)
    guest_dma=(read:0x12345040 write:0x23456080 beyond)
    guest_reserved=()           # BASE-LIMIT@BB:DD.F: the groups' regions
    guest_dmar=''               # functions in the DMAR table; empty: not judged
    guest_dmar_flags=0          # its flags besides interrupt remapping's
    guest_dmar_more=''          # its structures behind the unit's
    guest_edu=''                # where the edu device reads
    guest_inner=''              # nothing but a qemu or a machine in the guest
    guest_migrate=0             # to another QEMU, amid the disk's writes
    guest_timeout=120
    guest_mode='test'
}

guest_seed() {
    echo "0x$(od -An -N7 -tx1 /dev/urandom | tr -d ' \n')"
}

# A path inside an option of QEMU: a comma is written twice.
guest_quote() {
    printf '%s' "${1//,/,,}"
}

guest_has_device() {
    "$guest_qemu/qemu-system-$guest_arch" -device help 2>/dev/null |
        grep -q "^name \"$1\""
}

# The words for viommu.dma: LABEL:KIND:ADDRESS,...
guest_dma_words() {
    local one words=()
    for one in "${guest_dma[@]}"; do
        case $one in
        beyond) words+=("beyond:read:$(printf '0x%x' $((1 << guest_aw)))") ;;
        *) words+=("${one%%:*}:$one") ;;
        esac
    done
    (IFS=,; echo "${words[*]}")
}

guest_machine_x86() {
    local unit
    guest_argv+=(-machine q35 -device "intel-iommu${guest_iommu:+,$guest_iommu}")
    for unit in "${guest_further[@]}"; do
        guest_argv+=(-device "intel-iommu,$unit")
    done
}

# The addresses on the bus are fixed.  nvme and the test device sit behind
# root ports: requests then come from buses other than 0.
guest_command() {
    local folder=$1 serve append place=bus=pcie.0,addr=0x4
    local console=ttyS0 far=pcie.0
    # ATS is for devices behind a port
    [ "$guest_ats" = 0 ] || place=bus=rp3,ats=on
    guest_argv=(
        "$guest_qemu/qemu-system-$guest_arch" -L "$guest_qemu/firmware"
        -nodefaults -no-user-config -display none -no-reboot
        -accel "tcg,thread=$([ "$guest_smp" = 1 ] && echo single || echo multi)"
        -cpu "$guest_cpu" -smp "$guest_smp" -m 512
    )
    if [ "$guest_arch" = aarch64 ]; then
        guest_machine_arm
        console=ttyAMA0
        # what is behind these ports is then behind the second unit
        [ ${#guest_further[@]} = 0 ] || far=pcie.1
    else
        guest_machine_x86
    fi
    guest_argv+=(
        -device "pcie-root-port,id=rp1,chassis=1,addr=0x2,bus=$far"
        -device "pcie-root-port,id=rp2,chassis=2,addr=0x3,bus=$far"
        -device pcie-root-port,id=rp3,chassis=3,addr=0x7,bus=pcie.0
        -drive "if=none,id=d1,format=raw,cache=unsafe,file=$(
            guest_quote "$folder/virtio-blk.img")"
        # with a larger ring, QEMU 10.0 writes a used element that crosses a
        # page to the next physical page, not to the next one of the ring
        -device "virtio-blk-pci,drive=d1,iommu_platform=on,$(
            )disable-legacy=on,queue-size=64,$place${guest_blk:+,$guest_blk}"
        -kernel "${guest_kernel:-$guest_image/vmlinuz}"
        -initrd "$guest_image/initrd"
    )
    # neither of them migrates
    [ "$guest_migrate" = 1 ] || guest_argv+=(
        -device edu,addr=0x6,bus=pcie.0
        -drive "if=none,id=d0,format=raw,cache=unsafe,file=$(
            guest_quote "$folder/nvme.img")"
        -device nvme,serial=viommu,drive=d0,bus=rp1
    )
    serve="$guest_image/viommu-guest serve $guest_netmib $guest_random"
    serve+=" $folder/serve.log"
    guest_argv+=(
        -netdev "user,id=n0,restrict=on,ipv6=off,$(
            )guestfwd=tcp:10.0.2.100:7-cmd:$(guest_quote "$serve")"
        -device e1000e,netdev=n0,addr=0x5,bus=pcie.0
    )
    if [ "$guest_testdev" = 1 ]; then
        guest_argv+=(-device "viommu-testdev,$guest_endpoint_at$(
            )${guest_endpoint:+,$guest_endpoint}")
    fi
    if [ ${#guest_devices[@]} != 0 ]; then
        guest_argv+=("${guest_devices[@]}")
    fi
    # no_timer_check: on a busy host, emulated ticks come too late for a check
    # during boot; a timer that really fails shows as a hang
    append="console=$console panic=-1 iomem=relaxed no_timer_check $guest_append"
    append+=" viommu.mode=$guest_mode viommu.seed=$guest_random"
    append+=" viommu.mib=$guest_mib viommu.netmib=$guest_netmib"
    append+=" viommu.edu=$guest_edu"
    append+="${guest_uapi:+ viommu.uapi=$guest_uapi}"
    if [ "$guest_testdev" = 1 ]; then
        append+=" viommu.dma=$(guest_dma_words)"
        [ "$guest_vfio" = 0 ] || append+=" viommu.vfio=1"
    fi
    guest_argv+=(-append "$append")
    if [ "$guest_mode" = shell ]; then
        guest_argv+=(-serial mon:stdio -serial null)
    else
        guest_argv+=(
            -chardev "file,id=console,append=on,path=$(
                guest_quote "$folder/console.log")"
            -chardev "file,id=report,append=on,path=$(
                guest_quote "$folder/report.log")"
            -serial chardev:console -serial chardev:report
        )
    fi
}

guest_prepare() {
    local folder=$1
    case $folder in
    *[[:space:]]*) die "the folder '$folder' must not have a space" ;;
    esac
    need_space "$folder" 300
    guest_random=$(guest_seed)
    guest_testdev=0
    if [ "$guest_migrate" = 0 ] && guest_has_device viommu-testdev; then
        guest_testdev=1
    fi
    rm -f -- "$folder"/*.log "$folder"/*.img
    truncate -s "${guest_mib}M" "$folder/nvme.img" "$folder/virtio-blk.img"
    guest_command "$folder"
}

guest_run_once() {
    local folder=$1
    guest_prepare "$folder"
    guest_status=0
    if [ "$guest_migrate" = 1 ]; then
        # some way into the first disk test
        guest_argv=("${BASH_SOURCE[0]%/*}/migrate.py" "$folder" 2000000
            "${guest_argv[@]}")
    fi
    timeout --foreground -k 5 "$guest_timeout" "${guest_argv[@]}" \
        </dev/null >"$folder/qemu.log" 2>&1 || guest_status=$?
}

# TCG has a fault of its own: it looks an I/O section up that has gone in
# the meantime and aborts.  That says nothing about a model; once more then.
guest_run() {
    guest_run_once "$1"
    if [ "$guest_status" = 134 ] &&
       grep -q iotlb_to_section "$1/qemu.log"; then
        say "QEMU's TCG aborted in iotlb_to_section (its own fault);" \
            "booting once more"
        guest_run_once "$1"
    fi
}

# --- judging --------------------------------------------------------------------

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
    n=$(grep -c '^reserved ' <<<"$guest_report" || true)
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

guest_judge_disk() {
    local folder=$1 label=$2 line host sum
    line=$(guest_line "disk $label")
    if [ -z "$(guest_field "$line" bytes)" ]; then
        guest_result fail "$label" "${line:-no report}"
        return 0
    fi
    host=$("$guest_image/viommu-guest" check "$folder/$label.img" \
           "$guest_mib" "$guest_random" 2>&1) || true
    sum=$(guest_field "$host" sum)
    if [ "$(guest_field "$line" bytes)" = $((guest_mib << 20)) ] &&
       [ "$(guest_field "$line" wrong)" = 0 ] &&
       [ "$(guest_field "$host" wrong)" = 0 ] &&
       [ "$(guest_field "$line" written)" = "$sum" ] &&
       [ "$(guest_field "$line" read)" = "$sum" ]; then
        guest_result ok "$label" "$guest_mib MiB written and read back$(
            ), checksum $sum on both sides"
    else
        guest_result fail "$label" "guest: $line; host: $host"
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

# guest_judge_fault LABEL LINE KIND ADDRESS REASON: did the kernel log it?
# Sets guest_faults to the log lines that must be there.
guest_judge_fault() {
    local name=$1 line=$2 kind=$3 addr=$4 reason=$5 page source code=0 text
    page=$addr
    [ "$guest_arch" = aarch64 ] || page=$(printf '0x%x' $((addr & ~0xfff)))
    source=$(guest_field "$line" device)
    source=${source#0000:}
    text="$kind of $page from $source"
    code=$(guest_field "$line" reason)
    guest_faults+=("$kind $source $page $reason")
    if [ "$(guest_field "$line" kind)" = "$kind" ] && [ -n "$source" ] &&
       [ "$(guest_field "$line" source | sed 's/^0000://')" = "$source" ] &&
       [ "$(guest_field "$line" addr)" = "$page" ] &&
       [ $((${code%% *} + 0)) = $((reason)) ]; then
        guest_result ok "$name" "$text, reason $reason"
    else
        guest_result fail "$name" \
            "wanted: $text, reason $reason; got: ${line:-no report}"
    fi
}

# What the endpoint itself saw: failed, blocked by the IOMMU, no byte moved.
# The reason in its status may be unknown (0).
guest_judge_endpoint() {
    local name=$1 line=$2 write=$3 addr=$4 reason=$5 status got moved
    status=$(guest_field "$line" status)
    status=${status:-0}
    moved=$(guest_field "$line" 'done')
    got=$((status >> 16 & 0xff))
    guest_expect "$name at the endpoint" "status $status, fault address $(
        guest_field "$line" faultaddr)" \
        "(status & 0x100ffff) == ((write << 24) | 0x0103) &&
         (got == 0 || got == reason) && moved == 0 &&
         $(guest_field "$line" faultaddr) + 0 == addr"
}

guest_judge_pass() {
    local line=$1 status wrong nonzero
    status=$(guest_field "$line" status)
    wrong=$(guest_field "$line" wrong)
    nonzero=$(guest_field "$line" nonzero)
    guest_expect "pass-through read" "${line:-no report}" \
        "(${status:-0} & 0xffff) == 2 && ${wrong:-1} == 0 && ${nonzero:-0} > 0"
}

# The reasons that the unit gives, by the tables in use: not mapped for a
# read and for a write, and beyond the address width.
guest_reasons() {
    case "$guest_append,$guest_iommu,$guest_arch" in
    # an address that no stage 1 translates must be one of the output
    *,stage=2,*aarch64) echo 0x10 0x10 0x11 ;;
    *,aarch64) echo 0x10 0x10 0x10 ;;
    *sm_on*scalable-mode=on,*flts=on,* | *sm_on*scalable-mode=on,*fsts=on,*)
        echo 0x71 0x71 0x80 ;;
    *sm_on*scalable-mode=on,*)
        echo 0x79 0x79 0x83 ;;
    *)
        echo 0x06 0x05 0x04 ;;
    esac
}

guest_judge_dma() {
    local one label kind addr line reason write on_read on_write on_beyond
    read -r on_read on_write on_beyond <<<"$(guest_reasons)"
    guest_faults=()
    if [ "$guest_migrate" = 1 ]; then
        # the endpoint does not migrate either
        guest_expect migration "$(grep '^migrate: ' "$guest_folder/qemu.log" |
            tr '\n' ' ')" "$(grep -c 'bytes of state' \
                "$guest_folder/qemu.log" || true) == 1"
    elif [ "$guest_testdev" = 0 ]; then
        guest_result skip viommu-testdev "this QEMU does not have the device"
    else
        for one in "${guest_dma[@]}"; do
            label=${one%%:*}
            addr=${one#*:}
            line=$(guest_line "dma $label")
            case $label in
            read) kind=Read reason=$on_read write=0 ;;
            write) kind=Write reason=$on_write write=1 ;;
            beyond)
                kind=Read reason=$on_beyond write=0
                addr=$(printf '0x%x' $((1 << guest_aw)))
                ;;
            pass)
                guest_judge_pass "$line"
                continue
                ;;
            esac
            guest_judge_fault "fault: $label" "$line" "$kind" "$addr" "$reason"
            guest_judge_endpoint "fault: $label" "$line" "$write" "$addr" "$reason"
            [ "$guest_arch" = x86_64 ] ||
                guest_judge_event "fault: $label" "$line"
        done
    fi
    if [ -n "$guest_edu" ]; then
        guest_judge_fault "fault: edu" "$(guest_line edu)" Read \
            "$(printf '0x%x' "$guest_edu")" "$on_read"
    fi
}

# Lines that a healthy kernel does not log.
guest_bad_lines() {
    grep -aE -e 'DMAR.*(DRHD: handling|Request device|\[fault reason)' \
        -e '(DMAR|IOMMU|iommu|AMD-Vi).*([Ee]rror|[Ff]ail|[Tt]ime|[Ii]nvalid )' \
        -e '(DMAR|IOMMU).*(BUG|Bug|bug|[Ss]tuck|[Uu]nable|[Cc]annot|wrong)' \
        -e '(DMAR|IOMMU).*(Unknown|[Uu]nexpected|[Uu]nsupported)' \
        -e 'Firmware (Bug|Warn)|[Bb]roken BIOS|your BIOS is broken' \
        -e 'arm-smmu.*(event 0x|GERROR|CMDQ|[Oo]verflow|no .* irq)' \
        -e 'arm-smmu.*([Ee]rror|[Ff]ail|[Tt]imeout|[Uu]n(able|expected|handled))' \
        -e 'DMAR.*([Yy]our BIOS|scope|No handler|RMRR.*(reserved|e820))' \
        -e '[Ii]nvalid page request|IOMMU: .*(canonical|Privilege|PRQ|request)' \
        -e 'WARNING: CPU|BUG:|Oops|general protection|Kernel panic' \
        -e 'Call Trace|rcu.*(stall|detected)|soft lockup|hung_task' \
        -e 'nobody cared|No irq handler|spurious' \
        -e 'nvme.*(timeout|error|resetting)|I/O error|I/O.*timeout' \
        -e 'e1000e.*(Hang|reset|Reset|error)|NETDEV WATCHDOG' \
        -e 'virtio.*([Ee]rror|failed)|init: cannot' |
        grep -avE -e 'RAS: Correctable Errors' || true
}

# The faults in a log on standard input: "KIND BB:DD.F PAGE REASON" each.
guest_logged_faults() {
    if [ "$guest_arch" = aarch64 ]; then
        guest_logged_events
        return 0
    fi
    # newer kernels log the segment too
    sed -nE "s/.*\[DMA ([A-Za-z]*) NO_PASID\] Request device $(
        )\[(0000:)?([^]]*)\] fault addr ([^ ]*) $(
        )\[fault reason (0x[0-9a-f]*)\].*/\1 \3 \4 \5/p"
}

# Before the marker nothing; after it the provoked faults and no others.
guest_judge_log() {
    local marker='viommu-guest: faults from here on are provoked'
    local last='viommu-guest: vfio from here on'
    # then Linux has switched an SMMU off, but its timer for lazy
    # invalidations may still go to it
    local end='reboot: Power down'
    local before after n one wrong='' rest logged
    before=$(sed "/$marker/,\$d" "$guest_console" | guest_bad_lines)
    after=$(sed "1,/$marker/d; /$last/,\$d; /$end/,\$d" "$guest_console" |
            guest_bad_lines | grep -av 'DRHD: handling fault status' || true)
    # the checks of processes provoke faults too, and a refusal
    rest=$(sed "1,/$last/d" "$guest_console" | guest_bad_lines |
           grep -avE -e 'DRHD: handling fault status' \
               -e '\[fault reason' -e 'Invalid stage-1 address width' \
               -e 'arm-smmu-v3.*: event 0x' || true)
    if [ -z "$before" ]; then
        guest_result ok log "no IOMMU, disk or network error in $(
            wc -l <"$guest_console") lines"
    else
        guest_result fail log "$(wc -l <<<"$before") line(s), first: $(
            head -n 1 <<<"$before" | tr -d '\r')"
    fi
    if [ "$guest_vfio" = 1 ] || [ -n "$guest_uapi" ]; then
        guest_expect "log of the lab" "$(grep -c . <<<"$rest" ||
            true) bad line(s) $(head -n 1 <<<"$rest" | tr -d '\r')" \
            "$(text_equal "$rest" '')"
    fi
    logged=$(sed "1,/$marker/d; /$last/,\$d; /$end/,\$d" "$guest_console" |
             guest_logged_faults)
    for one in "${guest_faults[@]}"; do
        n=$(grep -cxF "$one" <<<"$logged" || true)
        [ "$n" = 1 ] || wrong+=" ($n of: $one)"
    done
    n=$(grep -c . <<<"$after" || true)
    guest_expect "log of faults" \
        "$n line(s) for ${#guest_faults[@]} provoked fault(s)$wrong" \
        "n == ${#guest_faults[@]} && $(text_equal "$wrong" '')"
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

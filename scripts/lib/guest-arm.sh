# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of lib/guest.sh
#
# What is Arm's own of the test guest: the virt machine with an SMMUv3.
# Sourced by lib/guest.sh, whose other checks hold for both.
#
#   guest_defaults_arm      changes guest_defaults' guest into Arm's
#
# guest_iommu then has the SMMU's properties (ats=on,ssidsize=16).

guest_defaults_arm() {
    guest_arch=aarch64
    guest_iommu=''
    guest_append='iommu.passthrough=0 iommu.strict=1'
    guest_cpu=cortex-a57
    guest_acpi=0                # firmware (UEFI) and ACPI, not device tree
}

# The machine creates its SMMU: properties go to it as globals.
guest_machine_arm() {
    local word words machine=virt,iommu=smmuv3,gic-version=3
    # Linux uses EL2's regime when it runs there itself.
    case ,$guest_iommu, in
    *,hyp=on,*) machine+=,virtualization=on ;;
    esac
    guest_argv+=(-machine "$machine")
    IFS=, read -ra words <<<"$guest_iommu"
    for word in "${words[@]}"; do
        [ -z "$word" ] || guest_argv+=(-global "arm-smmuv3.$word")
    done
    # units before what is behind them
    for word in "${!guest_further[@]}"; do
        guest_argv+=(
            -device "pxb-pcie,id=pcie.$((word + 1)),bus_nr=$((64 * (word + 1)))$(
                ),addr=0x$((word + 10))"
            -device "arm-smmuv3,primary-bus=pcie.$((word + 1))$(
                ),${guest_further[word]}"
        )
    done
    [ "$guest_acpi" = 0 ] || guest_argv+=(-bios "$guest_image/QEMU_EFI.fd")
}

# guest_bits VALUE HIGH LOW
guest_bits() {
    echo $((${1:-0} >> $3 & ((1 << ($2 - $3 + 1)) - 1)))
}

# The value that a property has in the unit's registers; empty: not there.
guest_smmu_property() {
    local regs idr0 stall
    regs=$(guest_line regs)
    idr0=$(guest_field "$regs" idr0)
    case $1 in
    stage)
        set -- none 2 1 nested
        shift "$(guest_bits "$idr0" 1 0)"
        echo "$1"
        ;;
    ats) guest_bits "$idr0" 10 10 ;;
    pri) guest_bits "$idr0" 16 16 ;;
    msi) guest_bits "$idr0" 13 13 ;;
    httu) guest_bits "$idr0" 7 6 ;;
    hyp)
        # announced, and taken up: CR2.E2H
        echo $(($(guest_bits "$idr0" 9 9) &
            $(guest_bits "$(guest_field "$regs" cr2)" 0 0)))
        ;;
    attr-perms-ovr) guest_bits "$(guest_field "$regs" idr1)" 26 26 ;;
    stall)
        # 0 is "both models", 1 "terminate only"
        stall=$(guest_bits "$idr0" 25 24)
        echo $((stall == 0))
        ;;
    fwb) guest_bits "$(guest_field "$regs" idr3)" 8 8 ;;
    ril) guest_bits "$(guest_field "$regs" idr3)" 10 10 ;;
    sidsize) guest_bits "$(guest_field "$regs" idr1)" 5 0 ;;
    ssidsize) guest_bits "$(guest_field "$regs" idr1)" 10 6 ;;
    oas)
        set -- 32 36 40 42 44 48 52
        shift "$(guest_bits "$(guest_field "$regs" idr5)" 2 0)"
        echo "${1-}"
        ;;
    esac
}

# Page 0's registers: all queues on, no error, and the properties asked for.
guest_judge_smmu() {
    local unit regs n on=0 cr0 want=0xd word words got wrong=''
    unit=$(guest_line unit)
    regs=$(guest_line regs)
    n=$(grep -c '^unit ' <<<"$guest_report" || true)
    guest_expect unit "$n unit(s), at $(guest_field "$unit" address)" \
        "n == 1 + ${#guest_further[@]} &&
         $(guest_field "$unit" address) + 0 == 0x9050000"
    case ,$guest_iommu, in
    *,pri=on,*) want=0xf ;;
    esac
    while read -r word; do
        cr0+="${cr0:+, }$(guest_field "$word" cr0ack)"
        on=$((on + (($(guest_field "$word" cr0ack) & 0xf) == want)))
    done < <(grep '^regs .*cr0ack=0x' <<<"$guest_report")
    guest_expect "DMA remapping and queues" "CR0ACK ${cr0:-no report}" \
        "n > 0 && on == n"
    guest_expect "errors of queues" "$(guest_field "$regs" gerror), $(
        guest_field "$regs" gerrorn) acknowledged" \
        "$(text_equal "$(guest_field "$regs" gerror)" \
                      "$(guest_field "$regs" gerrorn)")"
    IFS=, read -ra words <<<"$guest_iommu"
    for word in "${words[@]}"; do
        got=$(guest_smmu_property "${word%%=*}")
        case $word in
        # no register shows the last three
        '' | *=auto | accel=* | nesting=* | iotlb-bits=*) continue ;;
        *=on) [ "$got" = 1 ] || wrong+=" $word:$got" ;;
        *=off) [ "$got" = 0 ] || wrong+=" $word:$got" ;;
        *) [ "$got" = "${word#*=}" ] || wrong+=" $word:$got" ;;
        esac
    done
    guest_expect properties "${guest_iommu:-none asked for}${wrong:+, but$wrong}" \
        "$(text_equal "$wrong" '')"
    guest_judge_smmu_interrupts
    guest_judge_smmu_firmware
}

# A unit's interrupts for events and errors, and page requests: all are wires
# or, with msi=on, messages.
guest_judge_smmu_interrupts() {
    local line wire msi plain each=2
    line=$(guest_line interrupts)
    wire=$(guest_field "$line" smmu_wire)
    msi=$(guest_field "$line" smmu_msi)
    plain=$(guest_field "$line" plain)
    case ,$guest_iommu, in
    *,pri=on,*) each=3 ;;
    esac
    each=$((each * (1 + ${#guest_further[@]})))
    case ,$guest_iommu, in
    *,msi=on,*)
        guest_expect "the unit's interrupts" "$msi messages, $wire wires" \
            "${msi:-0} == each && ${wire:-1} == 0"
        ;;
    *)
        guest_expect "the unit's interrupts" "$msi messages, $wire wires" \
            "${msi:-1} == 0 && ${wire:-0} == each"
        ;;
    esac
    guest_expect "the devices' interrupts" "${plain:-0} messages" \
        "${plain:-0} > 0"
}

# Linux had its knowledge of the unit from the IORT, or could not have.
guest_judge_smmu_firmware() {
    local table
    table=$(guest_field "$(guest_line IORT)" table)
    if [ "$guest_acpi" = 1 ]; then
        guest_expect IORT "$((${#table} / 2)) bytes" "${#table} > 0"
    else
        guest_expect "device tree" "no IORT" "${#table} == 0"
    fi
    guest_judge_messages
}

# Behind a unit that may have devices of the host, the window of their
# messages stays in place; behind the others nothing is said of it.
guest_judge_messages() {
    local line unit group want n=0 wrong=''
    while read -r line; do
        unit=$(guest_field "$line" unit)
        group=$(guest_field "$line" group)
        want=0
        if [ -n "$guest_messages" ] && [ "$unit" = "$guest_messages" ]; then
            want=1
            n=$((n + 1))
        fi
        [ "$(grep -c "^reserved group=$group $(
            )first=0x0000000008000000 last=0x00000000080fffff $(
            )type=direct-relaxable$" <<<"$guest_report" || true)" = $want ] ||
            wrong+=" $(cut -d ' ' -f 2 <<<"$line")"
    done < <(grep '^device .* unit=smmu3' <<<"$guest_report")
    guest_expect "the host's messages" \
        "place for those of $n device(s)${wrong:+; wrong:$wrong}" \
        "$(text_equal "$wrong" '') && (n > 0) == (${#guest_messages} > 0)"
}

# An event's other fields: that of an input address, of no substream, and
# stalled or not as the endpoint can wait or not.
guest_judge_event() {
    local name=$1 line=$2 device sid
    device=$(guest_field "$line" device)
    device=${device#0000:}
    sid=$((0x${device%%:*} << 8 | 0x$(cut -c 4-5 <<<"$device") << 3 |
           0x${device##*.}))
    guest_expect "$name in the event" \
        "StreamID $(guest_field "$line" sid), class $(
            guest_field "$line" class), stall $(
            guest_field "$line" stall), substream $(guest_field "$line" ssv)" \
        "$(guest_field "$line" sid) + 0 == sid &&
         $(guest_field "$line" class) + 0 == 2 &&
         $(text_equal "$(guest_field "$line" stall)" "$guest_stalls") &&
         $(text_equal "$(guest_field "$line" ssv)" 0)"
}

# Each event is in the log of the unit that its device is behind.
guest_judge_event_units() {
    local n=0 driver device unit wrong=''
    while read -r _ device _ _ driver; do
        n=$((n + 1))
        unit=$(guest_field "$(guest_line "device 0000:$device")" unit)
        [ "$(guest_field "$(guest_line "unit $unit")" driver)" = "$driver" ] ||
            wrong+=" $device:$driver"
    done < <(guest_logged_events all <"$guest_console")
    guest_expect "events at their units" "$n event(s)${wrong:+; wrong:$wrong}" \
        "n > 0 && $(text_equal "$wrong" '')"
}

# The events in a log on standard input: "KIND BB:DD.F ADDRESS CODE" each, and
# with the word "all" which unit's.
guest_logged_events() {
    local line words=() kind sid driver=''
    while read -r line; do
        case $line in
        *arm-smmu-v3*': event 0x'*)
            words=()
            driver=${line%%: event 0x*}
            driver=${driver##* }
            ;;
        *arm-smmu-v3*$'\t'0x*)
            words+=("${line##*$'\t'}")
            [ ${#words[@]} = 4 ] || continue
            kind=Write
            [ "$(guest_bits "${words[1]}" 35 35)" = 0 ] || kind=Read
            sid=$(guest_bits "${words[0]}" 63 32)
            printf '%s %02x:%02x.%x 0x%x 0x%02x%s\n' "$kind" $((sid >> 8)) \
                $((sid >> 3 & 0x1f)) $((sid & 7)) "${words[2]}" \
                "$(guest_bits "${words[0]}" 7 0)" "${1:+ $driver}"
            ;;
        esac
    done < <(tr -d '\r')
}

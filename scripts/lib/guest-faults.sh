# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of lib/guest.sh, arithmetic ones
#
# Faults that the guest provokes, at both ends, and the kernel's log.  Sourced by
# lib/guest.sh.

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

# guest_without_lazy MARKER: a log on standard input, without what comes of a
# fault of Linux: behind the marker it has switched an SMMU off, and its timer
# for lazy invalidations may still go to it, and wait in vain.
guest_without_lazy() {
    if [ "$guest_type" = DMA-FQ ]; then
        sed "/$1/,\$ { /arm-smmu-v3.*: CMD_SYNC timeout/d; }"
    else
        cat
    fi
}

# Before the marker nothing; after it the provoked faults and no others.
guest_judge_log() {
    local marker='viommu-guest: faults from here on are provoked'
    local last='viommu-guest: vfio from here on'
    local off='viommu-guest: the end' end='reboot: Power down'
    local before after n one wrong='' rest logged
    before=$(sed "/$marker/,\$d" "$guest_console" | guest_bad_lines)
    after=$(sed "1,/$marker/d; /$last/,\$d; /$end/,\$d" "$guest_console" |
            guest_without_lazy "$off" | guest_bad_lines | grep -av 'DRHD: handling fault status' || true)
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

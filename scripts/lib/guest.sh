# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034 # variables that callers or arithmetic strings use
#
# Boots the test guest and, with its other files, judges its report.  Sourced
# after lib/apt.sh.
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
# shellcheck source=scripts/lib/guest-judge.sh
. "${BASH_SOURCE[0]%/*}/guest-judge.sh"
# shellcheck source=scripts/lib/guest-faults.sh
. "${BASH_SOURCE[0]%/*}/guest-faults.sh"
guest_root=$(cd -- "${BASH_SOURCE[0]%/*}/../.." && pwd)

# The machine's and the test's parameters; callers change them between
# guest_defaults and guest_run.
guest_defaults() {
    guest_arch=x86_64           # or aarch64 (lib/guest-arm.sh)
    guest_qemu=''               # folder with bin/qemu-system-*
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
    guest_messages=''           # the SMMU that may have devices of the host
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
    "$guest_qemu/bin/qemu-system-$guest_arch" -device help 2>/dev/null |
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
        "$guest_qemu/bin/qemu-system-$guest_arch"
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

# QEMU has faults of its own, which say nothing about a model: TCG looks an I/O
# section up that has gone in the meantime, and aborts; a disk with an iothread
# loses an interrupt when the machine stops (migrate.py).  Once more then.
guest_run() {
    guest_run_once "$1"
    if [ "$guest_status" = 134 ] &&
       grep -q iotlb_to_section "$1/qemu.log"; then
        say "QEMU's TCG aborted in iotlb_to_section (its own fault);" \
            "booting once more"
        guest_run_once "$1"
    elif [ "$guest_status$guest_migrate" = 751 ]; then
        say "QEMU lost an interrupt of its disk when it stopped (its own" \
            "fault); booting once more"
        guest_run_once "$1"
    fi
}

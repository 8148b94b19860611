# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of lib/guest.sh
#
# A guest that runs QEMU itself, with a device that it passes through from
# behind our unit to a machine with a unit of ours.  Sourced by lib/guest.sh.
#
#   guest_inner_run FOLDER      boots it, with its files in FOLDER
#   guest_inner_judge FOLDER    calls guest_result for each test in there

# inner_libraries FILE...: what they are linked with, by path
inner_libraries() {
    ldd -- "$@" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }
                       $1 ~ /^\// && $2 ~ /^\(/ { print $1 }' | sort -u
}

# The test program: the parts of the tests that drive a VT-d board.
inner_compile() {
    local tests=$guest_root/tests words file files=()
    read -ra words <<<"$(pkg-config --cflags --libs glib-2.0)"
    for file in vfio board passed sm pri; do
        files+=("$tests/qtest/$file.c")
    done
    for file in qtest pci testdev vtd-tables vtd-regs vtd-scalable; do
        files+=("$tests/lib/$file.c")
    done
    "${CC:-cc}" -D_GNU_SOURCE -std=gnu11 -O2 -Wall -Wextra -I "$guest_root" \
        -o "$1" "${files[@]}" "${words[@]}"
}

# The image's own files and, behind them, QEMU with all it needs.
inner_initrd() {
    local folder=$1 tree=$1/tree to=$1/tree/inner file
    rm -rf -- "$tree"
    mkdir -p -- "$to/lib" "$to/firmware"
    cp -- "$guest_root/tests/guest/inner/init" "$to/"
    cp -- "$guest_qemu/qemu-system-x86_64" "$to/"
    cp -- "$guest_qemu/lib/libviommu.so.0" "$to/lib/"
    cp -- "$guest_qemu"/firmware/{bios-256k,kvmvapic}.bin "$to/firmware/"
    inner_compile "$to/qtest-vfio"
    while read -r file; do
        case $file in
        */libviommu.so*) continue ;;
        esac
        mkdir -p -- "$tree$(dirname -- "$file")"
        cp -L -- "$file" "$tree$file"
    done < <(inner_libraries "$to/qemu-system-x86_64" "$to/qtest-vfio" \
                 "$to/lib/libviommu.so.0")
    cp -- "$guest_image/initrd" "$folder/initrd"
    (cd "$tree" && find . | LC_ALL=C sort |
        cpio -o -H newc -R 0:0 --quiet | gzip -1) >>"$folder/initrd"
    rm -rf -- "$tree"
}

guest_inner_run() {
    local folder=$1 port
    need_space "$folder" 300
    inner_initrd "$folder"
    guest_argv=(
        "$guest_qemu/qemu-system-x86_64" -L "$guest_qemu/firmware"
        -nodefaults -no-user-config -display none -no-reboot
        -accel "tcg,thread=multi" -cpu "$guest_cpu" -smp "$guest_smp" -m 1024
        -machine q35 -device "intel-iommu,$guest_iommu"
        -device pcie-root-port,id=rp1,chassis=1
        -device "viommu-testdev,bus=rp1,$guest_endpoint"
        -device pcie-root-port,id=rp2,chassis=2
        -device "viommu-testdev,bus=rp2,$guest_endpoint"
        -kernel "$guest_kernel" -initrd "$folder/initrd"
        -append "console=ttyS0 panic=-1 no_timer_check rdinit=/inner/init $(
            )$guest_append${GUEST_INNER:+ viommu.inner=$GUEST_INNER}"
    )
    for port in console report; do
        : >"$folder/$port.log"
        guest_argv+=(-chardev "file,id=$port,path=$(
            guest_quote "$folder/$port.log")" -serial "chardev:$port")
    done
    guest_status=0
    timeout --foreground -k 5 "$guest_timeout" "${guest_argv[@]}" \
        </dev/null >"$folder/qemu.log" 2>&1 || guest_status=$?
    rm -f -- "$folder/initrd"
}

guest_inner_judge() {
    local folder=$1
    guest_folder=$folder
    guest_console=$folder/console.log
    guest_report=$(tr -d '\r' <"$folder/report.log" 2>/dev/null || true)
    guest_judge_end "$folder" || return 0
    guest_judge_checks inner "QEMU in the guest"
}

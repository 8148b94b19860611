# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of lib/guest.sh
#
# A guest that runs QEMU or viommu-machine itself, with a device that it passes
# through from behind our unit to a machine with a unit of ours.  Sourced by
# lib/guest.sh.  Which of the two, $guest_inner says.
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
    for file in vfio vfio-tables board passed sm pri; do
        files+=("$tests/qtest/$file.c")
    done
    for file in qtest pci testdev vtd-tables vtd-regs vtd-scalable; do
        files+=("$tests/lib/$file.c")
    done
    "${CC:-cc}" -D_GNU_SOURCE -std=gnu11 -O2 -Wall -Wextra -I "$guest_root" \
        -o "$1" "${files[@]}" "${words[@]}"
}

# inner_machine FOLDER: viommu-machine, from a build folder of its own
inner_machine() {
    local build=$guest_root/out/inner-build
    if [ ! -e "$build/build.ninja" ]; then
        rm -rf -- "$build"
        run_step "configuring viommu-machine" inner-configure.log \
            meson setup --buildtype=release "$build" "$guest_root"
    fi
    run_step "building viommu-machine" inner-build.log \
        ninja -C "$build" hw/iommu/machine/viommu-machine
    cp -- "$build/hw/iommu/machine/viommu-machine" "$1/"
    cp -- "$build/hw/iommu/libviommu.so.0.1.0" "$1/lib/libviommu.so.0"
}

# inner_qemu FOLDER
inner_qemu() {
    mkdir -p -- "$1/firmware"
    cp -- "$guest_qemu/qemu-system-x86_64" "$1/"
    cp -- "$guest_qemu/lib/libviommu.so.0" "$1/lib/"
    cp -- "$guest_qemu"/firmware/{bios-256k,kvmvapic}.bin "$1/firmware/"
}

# The image's own files and, behind them, the machine with all it needs.
inner_initrd() {
    local folder=$1 tree=$1/tree to=$1/tree/inner file
    rm -rf -- "$tree"
    mkdir -p -- "$to/lib"
    cp -- "$guest_root/tests/guest/inner/init" "$to/"
    "inner_$guest_inner" "$to"
    inner_compile "$to/qtest-vfio"
    while read -r file; do
        case $file in
        */libviommu.so*) continue ;;
        esac
        mkdir -p -- "$tree$(dirname -- "$file")"
        cp -L -- "$file" "$tree$file"
    done < <(inner_libraries "$to"/*-* "$to/lib/libviommu.so.0")
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

# What Linux says of the unit below: that DMA was blocked, and nothing else.
inner_judge_log() {
    local lines
    lines=$(guest_bad_lines <"$guest_console" |
            grep -avE -e 'DRHD: handling fault status' \
                -e '\[fault reason' || true)
    guest_expect "log" "$(grep -c . <<<"$lines" || true) bad line(s) $(
        head -n 1 <<<"$lines" | tr -d '\r')" "$(text_equal "$lines" '')"
}

guest_inner_judge() {
    local folder=$1
    guest_folder=$folder
    guest_console=$folder/console.log
    guest_report=$(tr -d '\r' <"$folder/report.log" 2>/dev/null || true)
    guest_judge_end "$folder" || return 0
    guest_judge_checks inner "the $guest_inner in the guest"
    inner_judge_log
}

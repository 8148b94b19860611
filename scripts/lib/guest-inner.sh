# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of lib/guest.sh
#
# A guest that runs QEMU or viommu-machine itself, with devices that it passes
# through from behind our unit to a machine with a unit of ours.  Sourced by
# lib/guest.sh.  Which of the two, $guest_inner says.  For an arm64 guest they
# are cross-compiled.
#
#   guest_inner_run FOLDER      boots it, with its files in FOLDER
#   guest_inner_judge FOLDER    calls guest_result for each test in there

# shellcheck source=scripts/lib/cross.sh
. "${BASH_SOURCE[0]%/*}/cross.sh"

# Sets what compiling for the guest needs.
inner_tools() {
    inner_sysroot='' inner_flags=()
    inner_cc=${CC:-cc} inner_pkg_config=pkg-config
    if [ "$guest_arch" = aarch64 ]; then
        cross_arch arm64
        inner_sysroot=$(viommu_sysroot)
        mapfile -t inner_flags < <(cross_flags "$inner_sysroot")
        inner_cc=${CROSS_PREFIX}gcc
        inner_pkg_config=$inner_sysroot/pkg-config
    fi
}

# inner_libraries TREE FILE...: puts what they are linked with into the tree
inner_libraries() {
    local tree=$1 file to
    shift
    while read -r file; do
        to=$file
        case ${inner_sysroot:+cross}$file in
        */libviommu.so*) continue ;;
        cross*/ld-linux-*) to=/lib/${file##*/} ;;
        cross*) to=${file#"$inner_sysroot/usr"} ;;
        esac
        mkdir -p -- "$tree${to%/*}"
        cp -L -- "$file" "$tree$to"
    done < <(if [ -n "$inner_sysroot" ]; then
                 cross_libraries "$inner_sysroot" "$@"
             else
                 ldd -- "$@" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }
                     $1 ~ /^\// && $2 ~ /^\(/ { print $1 }' | sort -u
             fi)
}

# The test program: the parts of the tests that drive a board of this kind.
inner_compile() {
    local tests=$guest_root/tests words file files=()
    local parts=(vfio vfio-tables vfio-type1 board passed sm pri)
    local lib=(vtd-scalable)
    if [ "$guest_arch" = aarch64 ]; then
        parts=(smmu-vfio smmu-vfio-qemu smmu-vfio-random smmu)
        lib=(smmu-tables)
    fi
    read -ra words <<<"$("$inner_pkg_config" --cflags --libs glib-2.0)"
    for file in "${parts[@]}" vfio-host; do
        files+=("$tests/qtest/$file.c")
    done
    lib+=(qtest qtest-commands pci testdev vtd-tables vtd-regs)
    for file in "${lib[@]}"; do
        files+=("$tests/lib/$file.c")
    done
    "$inner_cc" -D_GNU_SOURCE -std=gnu11 -O2 -Wall -Wextra -I "$guest_root" \
        -o "$1" "${files[@]}" "${inner_flags[@]}" "${words[@]}"
}

# inner_machine FOLDER: viommu-machine, from a build folder of its own
inner_machine() {
    local build=$guest_root/out/inner-build
    local target=hw/iommu/machine/viommu-machine
    if [ -n "$inner_sysroot" ]; then
        build=$guest_root/out/build-arm64
        cross_build "$guest_root" "$inner_sysroot" $target
    else
        if [ ! -e "$build/build.ninja" ]; then
            rm -rf -- "$build"
            run_step "configuring viommu-machine" inner-configure.log \
                meson setup --buildtype=release "$build" "$guest_root"
        fi
        run_step "building viommu-machine" inner-build.log \
            ninja -C "$build" $target
    fi
    cp -- "$build/$target" "$1/bin/"
    cp -- "$build/hw/iommu/libviommu.so.0.1.0" "$1/lib/libviommu.so.0"
}

# inner_qemu FOLDER
inner_qemu() {
    local qemu
    if [ "$guest_arch" = aarch64 ]; then
        qemu=$("$guest_root/scripts/qemu-build" --print-path --arch arm64)
        cp -- "$qemu/bin/qemu-system-aarch64" "$1/bin/"
        cp -- "$qemu/lib/libviommu.so.0" "$1/lib/"
        return 0
    fi
    mkdir -p -- "$1/share/qemu"
    cp -- "$guest_qemu/bin/qemu-system-x86_64" "$1/bin/"
    cp -- "$guest_qemu/lib/libviommu.so.0" "$1/lib/"
    cp -- "$guest_qemu"/share/qemu/{bios-256k,kvmvapic}.bin "$1/share/qemu/"
}

# The image's own files and, behind them, the machine with all it needs.
inner_initrd() {
    local folder=$1 tree=$1/tree to=$1/tree/inner
    rm -rf -- "$tree"
    mkdir -p -- "$to/bin" "$to/lib"
    inner_tools
    cp -- "$guest_root/tests/guest/inner/init" "$to/"
    # some share a build folder
    with_lock "$guest_root/out/inner.lock" "inner_$guest_inner" "$to"
    inner_compile "$to/bin/qtest-vfio"
    inner_libraries "$tree" "$to"/bin/* "$to/lib/libviommu.so.0"
    cp -- "$guest_image/initrd" "$folder/initrd"
    (cd "$tree" && find . | LC_ALL=C sort |
        cpio -o -H newc -R 0:0 --quiet | gzip -1) >>"$folder/initrd"
    rm -rf -- "$tree"
}

# The machine, with an endpoint behind each of two ports; on Arm the first
# one is on the root bus, where it can wait.
inner_command() {
    guest_argv=(
        "$guest_qemu/bin/qemu-system-$guest_arch"
        -nodefaults -no-user-config -display none -no-reboot
        -accel "tcg,thread=multi" -cpu "$guest_cpu" -smp "$guest_smp" -m 1024
    )
    if [ "$guest_arch" = aarch64 ]; then
        guest_machine_arm
        guest_argv+=(-device viommu-testdev,addr=0x8,pasid-bits=16)
    else
        guest_machine_x86
        guest_argv+=(-device pcie-root-port,id=rp1,chassis=1
            -device "viommu-testdev,bus=rp1,$guest_endpoint")
    fi
    guest_argv+=(-device pcie-root-port,id=rp2,chassis=2
        -device "viommu-testdev,bus=rp2,$guest_endpoint")
}

guest_inner_run() {
    local folder=$1 port console=ttyS0
    [ "$guest_arch" != aarch64 ] || console=ttyAMA0
    need_space "$folder" 300
    inner_initrd "$folder"
    inner_command
    guest_argv+=(
        -kernel "$guest_kernel" -initrd "$folder/initrd"
        -append "console=$console panic=-1 no_timer_check $(
            )rdinit=/inner/init $guest_append$(
            )${GUEST_INNER:+ viommu.inner=$GUEST_INNER}"
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
                -e '\[fault reason' -e 'arm-smmu-v3.*: event 0x' || true)
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

# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# Building for another architecture: the compiler is the system's cross
# compiler with its own C library, the other libraries are the suite's,
# unpacked into the cache folder and not installed.  Programs run with the
# suite's C library, which is not older.  Sourced after lib/apt.sh.
#
#   cross_arch ARCH             arm64, i386 or s390x (Debian's names): first
#   viommu_sysroot              prints the folder, which is made when missing:
#       usr/include, usr/lib    of the packages
#       pkg-config              looks there and nowhere else
#       meson.cross             for meson setup --cross-file
#   cross_flags FOLDER          compiler's and linker's options, one a line
#   cross_libraries FOLDER FILE...  what programs need there, by path
#   cross_build TOP FOLDER TARGET...  builds parts of the checkout TOP in
#                               TOP/out/build-ARCH

# libraries of trixie, whose QEMU runs with them, and of bookworm
CROSS_TRIXIE=(libc6 libatomic1 libglib2.0-0t64 libgio-2.0-dev
    libsysprof-capture-4-dev libpcre2-8-0 libpcre2-dev zlib1g zlib1g-dev
    libfdt1 libfdt-dev liburcu8t64 liburcu-dev)
CROSS_BOOKWORM=(libc6 libatomic1 libglib2.0-0 libglib2.0-dev libpcre2-8-0
    libpcre2-dev libfdt1 libfdt-dev liburcu8 liburcu-dev)

# Sets what differs between the architectures; CROSS_RUN is what runs its
# programs here, if anything does, with the folder in %.
cross_arch() {
    CROSS_ARCH=$1
    CROSS_ENDIAN=little
    CROSS_PACKAGES=("${CROSS_BOOKWORM[@]}")
    CROSS_RUN=()
    case $1 in
    arm64)
        CROSS_TRIPLE=aarch64-linux-gnu
        CROSS_PREFIX=aarch64-linux-gnu-
        CROSS_FAMILY=aarch64
        CROSS_TOOLS=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross)
        CROSS_PACKAGES=("${CROSS_TRIXIE[@]}")
        ;;
    i386)
        CROSS_TRIPLE=i386-linux-gnu
        CROSS_PREFIX=i686-linux-gnu-
        CROSS_FAMILY=x86
        CROSS_TOOLS=(gcc-i686-linux-gnu libc6-dev-i386-cross)
        CROSS_RUN=(%/lib/ld-linux.so.2 --library-path
                   "%/usr/lib/$CROSS_TRIPLE")
        viommu_apt_foreign i386
        ;;
    s390x)
        CROSS_TRIPLE=s390x-linux-gnu
        CROSS_PREFIX=s390x-linux-gnu-
        CROSS_FAMILY=s390x
        CROSS_ENDIAN=big
        CROSS_TOOLS=(gcc-s390x-linux-gnu libc6-dev-s390x-cross
                     qemu-user-static)
        CROSS_RUN=(qemu-s390x-static -L %)
        viommu_apt_foreign s390x
        ;;
    *) die "no cross compiler is known for '$1': arm64, i386 or s390x" ;;
    esac
}

cross_flags() {
    printf '%s\n' "-isystem" "$1/usr/include" \
        "-isystem" "$1/usr/include/$CROSS_TRIPLE" \
        "-L$1/usr/lib/$CROSS_TRIPLE" \
        "-Wl,-rpath-link,$1/usr/lib/$CROSS_TRIPLE" \
        "-Wl,--allow-shlib-undefined"
}

# Words as a list of meson's.
cross_list() {
    printf "'%s', " "$@" | sed 's/, $//'
}

# cross_write FOLDER PLACE: the files that say how, for when FOLDER is PLACE
cross_write() {
    local folder=$1 place=$2 flags run=
    if [ ${#CROSS_RUN[@]} != 0 ]; then
        run="exe_wrapper = [$(cross_list "${CROSS_RUN[@]/\%/$place}")]"
    fi
    mapfile -t flags < <(cross_flags "$place")
    cat >"$folder/pkg-config" <<END
#!/bin/sh
export PKG_CONFIG_LIBDIR='$place/usr/lib/$CROSS_TRIPLE/pkgconfig'
export PKG_CONFIG_SYSROOT_DIR='$place'
exec pkg-config "\$@"
END
    chmod 755 "$folder/pkg-config"
    cat >"$folder/meson.cross" <<END
[binaries]
c = '${CROSS_PREFIX}gcc'
ar = '${CROSS_PREFIX}ar'
strip = '${CROSS_PREFIX}strip'
pkg-config = '$place/pkg-config'
$run
[properties]
needs_exe_wrapper = true
[built-in options]
c_args = [$(cross_list "${flags[@]:0:4}")]
c_link_args = [$(cross_list "${flags[@]:4}")]
[host_machine]
system = 'linux'
cpu_family = '$CROSS_FAMILY'
cpu = '$CROSS_FAMILY'
endian = '$CROSS_ENDIAN'
END
}

# cross_unpack FOLDER DEB...
cross_unpack() {
    local folder=$1 new=$1.new deb
    shift
    rm -rf -- "$new"
    make_folder "$new"
    for deb in "$@"; do
        dpkg-deb -x "$deb" "$new"
    done
    # in bookworm some libraries are in /lib
    if [ -d "$new/lib" ] && [ ! -L "$new/lib" ]; then
        cp -a -- "$new/lib/." "$new/usr/lib"
        rm -rf -- "${new:?}/lib"
    fi
    [ -e "$new/lib" ] || ln -s usr/lib "$new/lib"
    cross_write "$new" "$folder"
    mv -- "$new" "$folder"
}

cross_make() {
    local debs folder key
    mapfile -t debs < <(viommu_apt_download_all "$VIOMMU_CACHE/dl" \
        "${CROSS_PACKAGES[@]/%/:$CROSS_ARCH}")
    [ ${#debs[@]} = ${#CROSS_PACKAGES[@]} ] ||
        die "the libraries for $CROSS_ARCH did not all come"
    key=$( (printf '%s\n' "${debs[@]##*/}"
            cat -- "${BASH_SOURCE[0]}") | sha256sum | cut -c 1-16)
    folder=$VIOMMU_CACHE/sysroot/$CROSS_ARCH-$key
    if [ ! -d "$folder" ]; then
        need_space "$VIOMMU_CACHE" 500
        rm -rf -- "$VIOMMU_CACHE/sysroot/$CROSS_ARCH"-*
        run_step "unpacking libraries for $CROSS_ARCH" sysroot.log \
            cross_unpack "$folder" "${debs[@]}"
    fi
    echo "$folder"
}

viommu_sysroot() {
    viommu_install_packages "${CROSS_TOOLS[@]}" pkg-config
    with_lock "$VIOMMU_CACHE/sysroot.lock" cross_make
}

# What one file names.
cross_needed() {
    "${CROSS_PREFIX}readelf" -d -- "$1" |
        sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

cross_libraries() {
    local folder=$1/usr/lib/$CROSS_TRIPLE file name files
    local -A seen=()
    shift
    files=("$@")
    while [ ${#files[@]} != 0 ]; do
        file=${files[0]}
        files=("${files[@]:1}")
        while read -r name; do
            if [ -z "${seen[$name]-}" ] && [ -e "$folder/$name" ]; then
                seen[$name]=1
                files+=("$folder/$name")
                echo "$folder/$name"
            fi
        done < <(cross_needed "$file")
    done
}

cross_build() {
    local top=$1 sysroot=$2 build=$1/out/build-$CROSS_ARCH
    shift 2
    if [ "$(cat -- "$build/sysroot" 2>/dev/null)" != "$sysroot" ]; then
        rm -rf -- "$build"
        run_step "configuring viommu for $CROSS_ARCH" \
            "$CROSS_ARCH-configure.log" \
            meson setup --buildtype=release \
            --cross-file "$sysroot/meson.cross" "$build" "$top"
        printf '%s\n' "$sysroot" >"$build/sysroot"
    fi
    run_step "building viommu for $CROSS_ARCH" "$CROSS_ARCH-build.log" \
        ninja -C "$build" "$@"
}

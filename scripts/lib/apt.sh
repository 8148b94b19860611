# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# What the scripts share: messages, locks, long steps with progress, and a
# private apt set-up in the cache folder, which sees Debian's stable suite
# whatever the system itself runs.  To be sourced by bash under
# `set -euo pipefail`.
#
#   say TEXT...                   a line to standard error
#   die TEXT...                   the same, then exit 1
#   show_help                     the comment at the start of the script
#   only_once OPTION              die unless it is the first OPTION
#   with_lock FILE COMMAND...     run it in a subshell that holds the lock
#   run_step TEXT LOG COMMAND...  run it with its output in the cache's LOG
#   need_space FOLDER MIB         die unless that much is free
#   viommu_apt_update             package lists, at most once a day
#   viommu_apt_has PKG[:ARCH][/SUITE]               is there such a package?
#   viommu_apt_download PKG[:ARCH][/SUITE] FOLDER   prints the file's path
#   viommu_apt_download_all FOLDER PKG[:ARCH]...    several, a path a line
#   viommu_apt_source PKG[/SUITE] FOLDER            prints the .dsc's path
#   viommu_apt_get ARGUMENTS...   apt-get with the private set-up
#   viommu_apt_foreign ARCH       packages of ARCH, from here on
#   viommu_install_packages PKG...  with the system's own apt, root only
#   viommu_need_meson             installs meson 1.5 or newer

# Without this, $(command) goes on after a failure inside.
shopt -s inherit_errexit

VIOMMU_CACHE=${VIOMMU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/viommu}
VIOMMU_APT=$VIOMMU_CACHE/debian
VIOMMU_SUITE=trixie
VIOMMU_FOREIGN=         # see viommu_apt_foreign

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
    say "$@"
    exit 1
}

# All of it but its first two lines and words for shellcheck.
show_help() {
    awk 'NR < 3 || /^# shellcheck / { next }
        !/^#/ { exit }
        { sub(/^# ?/, "") }
        told || $0 != "" { told = 1; print }' "$0"
}

# Of two values the first would be forgotten.
only_once() {
    case ${viommu_given-} in
    *" $1 "*) die "$1: given twice" ;;
    esac
    viommu_given="${viommu_given-} $1 "
}

make_folder() {
    mkdir -p -- "$1" 2>/dev/null ||
        die "cannot create the folder $1 (read-only or full disk?)"
}

# A lock is a file that is never removed.  The command runs in a subshell:
# what it sets is not seen outside.
with_lock() {
    local file=$1
    shift
    make_folder "$(dirname -- "$file")"
    (
        exec 9>"$file" || die "cannot write the lock file $file"
        if ! flock -n 9; then
            say "waiting for another run that holds $file"
            flock 9
        fi
        "$@"
    )
}

# need_space FOLDER MIB: in advance, since a full disk in the middle of a
# build shows as a riddle of the compiler.
need_space() {
    local free
    make_folder "$1"
    free=$(df -Pm -- "$1" | awk 'NR == 2 { print $4 }')
    if [ "$free" -lt "$2" ]; then
        die "disk full: $1 has $free MiB free, $2 MiB are needed"
    fi
}

# The last sign of progress in a log: ninja's [12/345].
viommu_progress_of() {
    tail -c 4096 -- "$1" 2>/dev/null | tr '\r' '\n' |
        grep -ao '^\[[0-9]*/[0-9]*\]' | tail -n 1 || true
}

# A sleep that outlives its loop must not hold a pipe that someone reads to
# the end, and the loop not outlive the script.
viommu_tick() {
    sleep "$1" >/dev/null 2>&1 9>&- && kill -0 $$ 2>/dev/null
}

viommu_progress() {
    local text=$1 log=$2 start=$SECONDS tty=$3 done_part
    if [ "$tty" = 1 ]; then
        while viommu_tick 1; do
            done_part=$(viommu_progress_of "$log")
            printf '\r%s: %s ... %s %d s ' "${0##*/}" "$text" \
                "$done_part" $((SECONDS - start)) >&2
        done
    else
        while viommu_tick 10; do
            done_part=$(viommu_progress_of "$log")
            say "$text ... ${done_part:+$done_part }$((SECONDS - start)) s"
        done
    fi
}

# run_step TEXT LOG COMMAND...
run_step() {
    local text=$1 log=$VIOMMU_CACHE/log/$2 start=$SECONDS status=0 tty=0
    local watcher
    shift 2
    make_folder "$VIOMMU_CACHE/log"
    [ -t 2 ] && tty=1
    say "$text"
    : >"$log" || die "cannot write $log (read-only or full disk?)"
    viommu_progress "$text" "$log" "$tty" 9>&- >/dev/null &
    watcher=$!
    # not in a condition: the command keeps its own set -e
    set +e
    ( set -e; "$@" ) >"$log" 2>&1 </dev/null
    status=$?
    set -e
    kill "$watcher" 2>/dev/null || true
    wait "$watcher" 2>/dev/null || true
    [ "$tty" = 1 ] && printf '\r\033[K' >&2
    if [ "$status" != 0 ]; then
        if grep -q 'No space left on device' -- "$log"; then
            die "disk full while doing: $text (log: $log)"
        fi
        if grep -qE 'Could not (connect|resolve)|Temporary failure res|Unable to connect' \
            -- "$log"; then
            die "no network: Debian's mirror cannot be reached while doing: $text (log: $log)"
        fi
        tail -n 20 -- "$log" >&2 || true
        die "failed: $text (exit status $status, log: $log)"
    fi
    if [ $((SECONDS - start)) -ge 5 ]; then
        say "$text: done in $((SECONDS - start)) s"
    fi
}

# --- where the system gets its packages from --------------------------------

# Prints "URI SUITE KEYRING" for each enabled binary source of the system
# that has the component main.
viommu_system_sources() {
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -r "$file" ] || continue
        awk '
            /^[ \t]*deb[ \t]/ {
                line = $0; key = "-"
                if (match(line, /\[[^]]*\]/)) {
                    opts = substr(line, RSTART + 1, RLENGTH - 2)
                    line = substr(line, 1, RSTART - 1) \
                           substr(line, RSTART + RLENGTH)
                    n = split(opts, o, /[ \t]+/)
                    for (i = 1; i <= n; i++)
                        if (o[i] ~ /^signed-by=\//)
                            key = substr(o[i], 11)
                }
                sub(/#.*/, "", line)
                n = split(line, f, /[ \t]+/)
                first = f[1] == "" ? 2 : 1
                for (i = first + 3; i <= n; i++)
                    if (f[i] == "main")
                        print f[first + 1], f[first + 2], key
            }' "$file"
    done
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -r "$file" ] || continue
        awk '
            function flush_stanza(   n, m, i, j, u, s) {
                if (v["types"] ~ /(^| )deb( |$)/ &&
                    v["components"] ~ /(^| )main( |$)/ &&
                    v["enabled"] !~ /^ *(no|false|off|0)/) {
                    key = v["signed-by"]
                    gsub(/[ \t]/, "", key)
                    if (key !~ /^\//) key = "-"
                    n = split(v["uris"], u, " ")
                    m = split(v["suites"], s, " ")
                    for (i = 1; i <= n; i++)
                        for (j = 1; j <= m; j++)
                            print u[i], s[j], key
                }
                delete v
            }
            /^#/ { next }
            /^[ \t]*$/ { flush_stanza(); next }
            /^[ \t]/ { v[name] = v[name] " " $0; next }
            {
                at = index($0, ":")
                name = tolower(substr($0, 1, at - 1))
                v[name] = substr($0, at + 1)
                gsub(/[ \t]+/, " ", v[name])
            }
            END { flush_stanza() }' "$file"
    done
}

viommu_write_sources() {
    local out=$1 codename main security uri keyring
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    main=$(viommu_system_sources |
           awk -v s="$codename" '$2 == s || $2 == "stable" { print; exit }')
    [ -n "$main" ] || main=$(viommu_system_sources |
           awk '$1 ~ /\/debian\/?$/ && $2 !~ /security/ { print; exit }')
    [ -n "$main" ] ||
        die "found no Debian mirror in /etc/apt (a source with main of '$codename')"
    security=$(viommu_system_sources |
               awk '$2 ~ /-security$/ { print; exit }')
    read -r uri _ keyring <<<"$main"
    if [ "$keyring" = - ]; then
        keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    fi
    [ -r "$keyring" ] || die "the keyring $keyring is missing" \
        "(package debian-archive-keyring)"
    if [ -n "$VIOMMU_FOREIGN" ]; then
        echo "deb [arch=$VIOMMU_FOREIGN signed-by=$keyring] $uri" \
            "$VIOMMU_SUITE main" >"$out"
        return 0
    fi
    {
        echo "deb [signed-by=$keyring] $uri $VIOMMU_SUITE main"
        echo "deb-src [signed-by=$keyring] $uri $VIOMMU_SUITE main"
        echo "deb [signed-by=$keyring] $uri $VIOMMU_SUITE-backports main"
        echo "deb [signed-by=$keyring] $uri bookworm-backports main"
        if [ -n "$security" ]; then
            echo "deb [signed-by=$keyring] ${security%% *}" \
                 "$VIOMMU_SUITE-security main"
        fi
    } >"$out"
}

# --- the private apt --------------------------------------------------------

# viommu_apt_foreign ARCH: from now on packages of ARCH, which only some tests
# are built for.  It has lists of its own, so that nothing else waits for them,
# of the suite whose cross compilers Debian 12 has.
viommu_apt_foreign() {
    VIOMMU_FOREIGN=$1
    VIOMMU_SUITE=bookworm
    VIOMMU_APT=$VIOMMU_CACHE/debian-$1
}

# viommu_write_conf FILE LISTS: the configuration that reads LISTS
viommu_write_conf() {
    cat >"$1" <<END
Dir::Etc::sourcelist "$VIOMMU_APT/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "-";
Dir::State::lists "$2";
Dir::Cache "$VIOMMU_APT/cache";
Dir::Cache::archives "$VIOMMU_APT/cache/archives";
APT::Architectures { "amd64"; "${VIOMMU_FOREIGN:-arm64}"; };
APT::Default-Release "$VIOMMU_SUITE";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
END
}

viommu_apt_get() {
    APT_CONFIG=$VIOMMU_APT/apt.conf apt-get -q "$@"
}

viommu_fetch_lists() {
    local new=$VIOMMU_APT/lists.new
    rm -rf -- "$new"
    if [ -d "$VIOMMU_APT/lists" ]; then
        cp -a -- "$VIOMMU_APT/lists" "$new"
    fi
    mkdir -p "$new/partial" "$VIOMMU_APT/cache/archives/partial"
    viommu_write_conf "$VIOMMU_APT/update.conf" "$new"
    APT_CONFIG=$VIOMMU_APT/update.conf apt-get -q \
        -o APT::Update::Error-Mode=any update
}

viommu_apt_update_locked() {
    local stamp=$VIOMMU_APT/updated
    if [ -e "$stamp" ] && [ -z "$(find "$stamp" -mmin +1440)" ]; then
        return 0
    fi
    viommu_write_sources "$VIOMMU_APT/sources.list.new"
    mv -- "$VIOMMU_APT/sources.list.new" "$VIOMMU_APT/sources.list"
    if [ -e "$stamp" ]; then
        # the old lists serve when the network does not
        if ! (run_step "looking for newer packages" apt-update.log \
                  viommu_fetch_lists) 2>/dev/null; then
            say "no newer package lists (network?), using the old ones"
            rm -rf -- "$VIOMMU_APT/lists.new"
            touch -- "$stamp"
            return 0
        fi
    else
        need_space "$VIOMMU_APT" 500
        run_step "fetching the package lists of Debian $VIOMMU_SUITE" \
            apt-update.log viommu_fetch_lists
    fi
    rm -rf -- "$VIOMMU_APT/lists.old"
    if [ -d "$VIOMMU_APT/lists" ]; then
        mv -- "$VIOMMU_APT/lists" "$VIOMMU_APT/lists.old"
    fi
    mv -- "$VIOMMU_APT/lists.new" "$VIOMMU_APT/lists"
    rm -rf -- "$VIOMMU_APT/lists.old"
    rm -rf -- "$VIOMMU_APT/plans"
    viommu_write_conf "$VIOMMU_APT/apt.conf.new" "$VIOMMU_APT/lists"
    mv -- "$VIOMMU_APT/apt.conf.new" "$VIOMMU_APT/apt.conf"
    : >"$stamp"
}

viommu_apt_update() {
    make_folder "$VIOMMU_APT"
    with_lock "$VIOMMU_APT/lock" viommu_apt_update_locked
}

# viommu_plan APT-GET-ARGUMENTS...: apt's "'URI' NAME SIZE HASH" lines, kept
# until the lists change because apt takes seconds to find them
viommu_plan() {
    local name=${*//[^a-zA-Z0-9.:+-]/_} plan
    # the name of a file has its limit
    [ ${#name} -lt 200 ] || name=$(sha256sum <<<"$name" | cut -c 1-64)
    name=$VIOMMU_APT/plans/$name
    if [ -s "$name" ]; then
        cat -- "$name"
        return 0
    fi
    plan=$(viommu_apt_get -qq --print-uris "$@" 2>&1 | grep "^'") || return 1
    mkdir -p -- "$VIOMMU_APT/plans"
    printf '%s\n' "$plan" >"$name.new"
    mv -- "$name.new" "$name"
    printf '%s\n' "$plan"
}

# viommu_fetch_files WHAT FOLDER APT-GET-ARGUMENTS...: all files or none of
# them appear in FOLDER; prints their names.  A file of the right size is not
# fetched again, because only whole and checked files were ever put there.
viommu_fetch_files() {
    local what=$1 folder=$2 plan name size missing=0 tmp
    shift 2
    viommu_apt_update
    make_folder "$folder"
    plan=$(viommu_plan "$@") || die "Debian has no package '$what'"
    while read -r _ name size _; do
        [ -e "$folder/$name" ] &&
            [ "$(stat -c %s -- "$folder/$name")" = "$size" ] || missing=1
    done <<<"$plan"
    if [ "$missing" = 1 ]; then
        need_space "$folder" 300
        rm -rf -- "$folder"/.fetch.*
        tmp=$(mktemp -d "$folder/.fetch.XXXXXX")
        run_step "downloading $what" download.log \
            viommu_fetch_in "$tmp" "$@"
        while read -r _ name size _; do
            mv -f -- "$tmp/$name" "$folder/$name"
        done <<<"$plan"
        rm -rf -- "$tmp"
    fi
    while read -r _ name _; do
        printf '%s\n' "$folder/$name"
    done <<<"$plan"
}

viommu_fetch_in() {
    cd "$1"
    shift
    viommu_apt_get "$@"
}

viommu_has_package() {
    viommu_apt_update
    viommu_plan download "$1" >/dev/null
}

viommu_apt_has() {
    with_lock "$VIOMMU_APT/fetch.lock" viommu_has_package "$1"
}

viommu_apt_download() {
    with_lock "$VIOMMU_APT/fetch.lock" \
        viommu_fetch_files "$1" "$2" download "$1"
}

viommu_apt_download_all() {
    local folder=$1
    shift
    with_lock "$VIOMMU_APT/fetch.lock" \
        viommu_fetch_files "$# packages" "$folder" download "$@"
}

viommu_apt_source() {
    local spec=$1
    case $spec in
    */*) ;;
    *) spec=$spec/$VIOMMU_SUITE ;;
    esac
    with_lock "$VIOMMU_APT/fetch.lock" \
        viommu_fetch_files "source of $1" "$2" \
        source --download-only --only-source "$spec" | grep '\.dsc$'
}

# --- packages of the system itself ------------------------------------------

viommu_is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' -- "$1" 2>/dev/null)" = \
      installed ]
}

viommu_system_install() {
    export DEBIAN_FRONTEND=noninteractive
    if ! apt-get -q install -y --no-install-recommends "$@"; then
        # the lists may be missing or old
        apt-get -q update
        apt-get -q install -y --no-install-recommends "$@"
    fi
}

viommu_install_packages() {
    local package missing=()
    for package in "$@"; do
        viommu_is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return 0
    if [ "$(id -u)" != 0 ]; then
        die "missing packages; as root: apt-get install ${missing[*]}"
    fi
    with_lock "$VIOMMU_CACHE/install.lock" \
        run_step "installing packages: ${missing[*]}" install.log \
        viommu_system_install "${missing[@]}"
}

# QEMU wants a meson that is newer than the one of Debian 12.
viommu_need_meson() {
    local have deb
    have=$(PATH=/usr/bin:$PATH meson --version 2>/dev/null || echo 0)
    if dpkg --compare-versions "$have" ge 1.5; then
        return 0
    fi
    if [ "$(id -u)" != 0 ]; then
        die "meson 1.5 or newer is needed, $have is here;" \
            "as root: apt-get install meson/bookworm-backports"
    fi
    deb=$(viommu_apt_download meson/bookworm-backports "$VIOMMU_CACHE/dl")
    with_lock "$VIOMMU_CACHE/install.lock" \
        run_step "installing meson" install.log viommu_system_install "$deb"
}

# shellcheck shell=bash
# Finds an nginx for tests. Installing the package would start a service, so it is only unpacked.
#
# Needs install.sh, which says how to be root.

# nginx_find HOME: prints the path of the nginx of this machine, or of Debian's, unpacked into HOME.
nginx_find() {
    local home=$1 unpacked=$1/nginx/usr/sbin/nginx half=$1/nginx.part log
    if PATH=$PATH:/usr/sbin:/sbin command -v nginx; then
        return 0
    fi
    if [[ ! -x $unpacked ]]; then
        log=$(mktemp)
        rm -rf "$half"
        mkdir -p "$half"
        if ! (cd "$half" && nginx_unpack) >"$log" 2>&1; then
            echo "There is no nginx, and Debian's could not be unpacked:" >&2
            tail -n 5 "$log" >&2
            rm -f "$log"
            return 1
        fi
        rm -rf "$log" "$home/nginx"
        mv "$half" "$home/nginx"
    fi
    realpath "$unpacked"
}

# Unpacks the program into the working directory: in some releases another package has it than the one of its name.
nginx_unpack() {
    local package
    for package in nginx nginx-core; do
        nginx_download "$package" && dpkg-deb -x "$package"_*.deb . && [[ -x usr/sbin/nginx ]] && return 0
    done
    return 1
}

# nginx_download PACKAGE: fetches a package; where that fails, after bringing the lists of packages up to date.
nginx_download() {
    apt-get download "$1" && return 0
    can_be_root && "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300 update -qq && apt-get download "$1"
}

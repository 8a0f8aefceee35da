# shellcheck shell=bash
# Installs Debian packages that are missing; says nothing when all are there.

as_root=()
((EUID == 0)) || as_root=(sudo)

# Whether commands can be run as root: directly, or by sudo without a password or with a terminal to ask on.
can_be_root() {
    ((EUID == 0)) && return
    command -v sudo >/dev/null || return
    sudo -n true 2>/dev/null || { [[ -t 0 ]] && sudo true; }
}

# install_missing COMMAND:PACKAGE...: installs the packages whose commands are not found.
install_missing() {
    local need packages=() log status
    for need in "$@"; do
        PATH=$PATH:/usr/sbin:/sbin command -v "${need%%:*}" >/dev/null || packages+=("${need#*:}")
    done
    ((${#packages[@]})) || return 0
    if ! command -v apt-get >/dev/null; then
        echo "Missing: ${packages[*]} (names of Debian's packages). Install them with this system's package manager." >&2
        return 1
    fi
    if ! can_be_root; then
        echo "Missing: ${packages[*]}. Install them: sudo apt-get install ${packages[*]}" >&2
        return 1
    fi
    echo "Installing ${packages[*]}"
    log=$(mktemp)
    {
        "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300 update -qq \
            && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get -o DPkg::Lock::Timeout=300 install -qq -y --no-install-recommends "${packages[@]}"
    } </dev/null >"$log" 2>&1
    status=$?
    ((status == 0)) || tail -n 20 "$log" >&2
    rm -f "$log"
    return $status
}

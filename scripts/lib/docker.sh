# shellcheck shell=bash
# Docker for tests: an engine, the two base images, and containers run the way the platform runs them.
#
# With IMAGE_PROFILE=dev, images are built with the profile of the tests and from the dependencies that this machine has
# built for them, in two minutes instead of fifteen. Without it they are built as they are shipped.
#
# Needs install.sh, which says how to be root. Containers have no network but their own loopback, where
# every one of them can have port 5000 as on the platform; requests enter through `in_network`.

# The base image with the dependencies in it; scripts/rehearse.d/docker.py builds from it, too.
docker_prebuilt=wharfside-prebuilt

docker_directory=
docker_pid=
docker_containers=()

# docker_start DATA: finds a running engine, or starts one that keeps its images in DATA.
docker_start() {
    local data=$1 driver
    docker_directory=$(mktemp -d)
    if docker info >/dev/null 2>&1; then
        echo "Using the Docker engine that is running"
        return 0
    fi
    can_be_root || { echo "no Docker engine runs, and starting one takes root" >&2; return 1; }
    install_missing dockerd:docker.io iptables:iptables || return 1
    mkdir -p "$data"
    export DOCKER_HOST=unix://$docker_directory/docker.sock
    for driver in overlay2 fuse-overlayfs vfs; do
        echo "Starting a Docker engine ($driver)"
        docker_try "$data" "$driver" && return 0
    done
    echo "the Docker engine did not start:" >&2
    tail -n 5 "$docker_directory/dockerd.log" >&2
    return 1
}

# docker_try DATA DRIVER: one attempt; the log of the last one is kept.
docker_try() {
    local log=$docker_directory/dockerd.log
    # A session of its own: Ctrl-C is for the script, which still has containers to remove.
    "${as_root[@]}" setsid dockerd --host "unix://$docker_directory/docker.sock" --data-root "$(realpath "$1")" \
        --exec-root "$docker_directory/exec" --pidfile "$docker_directory/dockerd.pid" --storage-driver "$2" \
        --group "$(id -gn)" --bridge none --iptables=false </dev/null >"$log" 2>&1 &
    local job=$!
    while kill -0 "$job" 2>/dev/null; do
        if docker info >/dev/null 2>&1; then
            docker_pid=$(cat "$docker_directory/dockerd.pid")
            return 0
        fi
        sleep 0.2
    done
    return 1
}

# Removes the containers that were started; ends the engine if it is ours, without the images that nobody
# used for a day, and clears its directory.
docker_stop() {
    ((${#docker_containers[@]})) && docker rm --force "${docker_containers[@]}" >/dev/null 2>&1
    if [[ -n $docker_pid ]]; then
        docker image prune --force --filter until=24h >/dev/null 2>&1
        "${as_root[@]}" kill "$docker_pid"
        while "${as_root[@]}" kill -0 "$docker_pid" 2>/dev/null; do sleep 0.2; done
    fi
    # An engine that is told to stop may leave a network namespace mounted below its directory.
    [[ -z $docker_directory ]] || "${as_root[@]}" sh -c \
        'umount --lazy "$1"/exec/netns/* 2>/dev/null; rm -rf --one-file-system "$1"' sh "$docker_directory"
}

# dockerfile_default NAME: the default of an ARG in the Dockerfile.
dockerfile_default() {
    sed -n "s/^ARG $1=//p" Dockerfile
}

# Makes sure that both base images are there: already, from the registry, or made here under the same names.
docker_base_images() {
    local build runtime
    build=$(dockerfile_default BUILD_IMAGE)
    runtime=$(dockerfile_default RUNTIME_IMAGE)
    docker_has "$runtime" && docker_has "$build" && { docker_prebuild "$build"; return; }
    if timeout 300 docker pull -q "$runtime" 2>/dev/null && timeout 900 docker pull -q "$build" 2>/dev/null; then
        docker_prebuild "$build"
        return
    fi
    echo "No image registry can be reached: making $runtime and $build here"
    can_be_root || { echo "making base images takes root" >&2; return 1; }
    install_missing debootstrap:debootstrap || return 1
    make_base_images "$build" "$runtime" && docker_prebuild "$build"
}

# docker_prebuild BUILD: puts the dependencies that the tests were built with into a copy of the base image. A build
# looks for itself which of them fit, so that one that does not costs time and nothing else.
docker_prebuild() {
    local container status
    [[ ${IMAGE_PROFILE-} == dev ]] || return 0
    container=$(docker create "$1" true) || return 1
    dependencies_built | docker cp - "$container:/" && docker commit "$container" "$docker_prebuilt" >/dev/null
    status=$?
    docker rm "$container" >/dev/null
    return "$status"
}

# Writes an archive of what cargo has built, but for what is ours: that is built in the image.
dependencies_built() (
    shopt -s nullglob
    cd "${CARGO_TARGET_DIR:-target}/debug" || exit 1
    tar --create --exclude='*wharfside*' --exclude='*guestbook*' --transform='s,^,app/target/debug/,' \
        .fingerprint build deps/*.{rlib,rmeta,so,d}
)

docker_has() {
    docker image inspect "$1" >/dev/null 2>&1
}

# make_base_images BUILD RUNTIME: a bare Debian, and the same with a C compiler and this machine's Rust.
# Both trust the certificates that this machine trusts: a closed network may have its own.
make_base_images() {
    local build=$1 runtime=$2 root=$docker_directory/root log=$docker_directory/base.log suite toolchain
    suite=${runtime#*:}
    suite=${suite%-slim}
    toolchain=$(rustc --print sysroot) || return 1
    (
        set -e
        "${as_root[@]}" debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" >"$log" 2>&1
        "${as_root[@]}" cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
        "${as_root[@]}" tar -C "$root" --exclude=./var/cache/apt/archives/*.deb -c . | docker import - "$runtime" >>"$log"
        "${as_root[@]}" chroot "$root" apt-get install -qq -y --no-install-recommends gcc libc6-dev >>"$log" 2>&1
        "${as_root[@]}" cp -a "$toolchain/bin" "$toolchain/lib" "$root/usr/local/"
        "${as_root[@]}" tar -C "$root" --exclude=./var/cache/apt/archives/*.deb -c . | docker import - "$build" >>"$log"
    ) || { tail -n 20 "$log" >&2; return 1; }
    "${as_root[@]}" rm -rf "$root"
}

# docker_build TAG CONTEXT [OPTION...]: the Dockerfile as it stands; the build uses this machine's network.
docker_build() {
    local tag=$1 context=$2 log=$docker_directory/build.log
    shift 2
    [[ ${IMAGE_PROFILE-} != dev ]] || set -- --build-arg PROFILE=dev --build-arg "BUILD_IMAGE=$docker_prebuilt" "$@"
    docker build --network=host --tag "$tag" "$@" "$context" >"$log" 2>&1 || { tail -n 40 "$log" >&2; return 1; }
}

# procfile_command PROCESS: the words of a Procfile line; the platform runs them without a shell.
procfile_command() {
    sed -n "s/^$1: //p" Procfile
}

# platform_run NAME IMAGE RELEASE [OPTION...]: starts the web process as the platform starts it.
platform_run() {
    local name=$1 image=$2 release=$3 command
    shift 3
    read -ra command < <(procfile_command web)
    docker_containers+=("$name")
    docker run --detach --name "$name" --init --restart on-failure:10 --network none \
        --env PORT=5000 --env DYNO=web.1 --env "GIT_REV=$release" --env ACCESS=open "$@" \
        "$image" "${command[@]}" >/dev/null
}

# platform_task IMAGE RELEASE SCRIPT [OPTION...]: a one-off container, as for app.json's scripts; PORT is set but empty.
platform_task() {
    local image=$1 release=$2 script=$3
    shift 3
    docker run --rm --init --network none --env PORT= --env "GIT_REV=$release" --env ACCESS=open "$@" \
        "$image" /bin/bash -c "set -e; set -o pipefail; $script"
}

# in_network CONTAINER COMMAND...: runs a command of this machine where it sees the container's loopback.
in_network() {
    local pid
    pid=$(docker inspect --format '{{.State.Pid}}' "$1") || return 1
    ((pid > 0)) || { echo "$1 is not running" >&2; return 1; }
    shift
    "${as_root[@]}" nsenter --target "$pid" --net "$@"
}

# platform_healthy CONTAINER [ATTEMPTS]: app.json's startup check, with its own path and patience unless told.
platform_healthy() {
    local container=$1 check path attempts timeout wait
    check=$(jq -c '.healthchecks.web[] | select(.type == "startup")' app.json)
    path=$(jq -r .path <<<"$check")
    attempts=${2:-$(jq -r .attempts <<<"$check")}
    timeout=$(jq -r .timeout <<<"$check")
    wait=$(jq -r .wait <<<"$check")
    while ((attempts-- > 0)); do
        in_network "$container" curl --silent --fail --output /dev/null --max-time "$timeout" \
            --header 'Host: wharfside.example' "http://127.0.0.1:5000$path" 2>/dev/null && return 0
        sleep "$wait"
    done
    return 1
}

# platform_retire CONTAINER: what an old release gets once traffic has moved: SIGTERM, and time to drain.
platform_retire() {
    docker kill --signal TERM "$1" >/dev/null && timeout 90 docker wait "$1"
}

#!/usr/bin/env bash
# Builds the image from the Dockerfile and tests it, without a container engine and without a registry: instead of the
# base image that the Dockerfile names, it uses Debian from `debootstrap` with this machine's Rust.
#
#     apt-get install --no-install-recommends buildah debootstrap runc jq curl iproute2
#     bash deploy/image.sh [image.tar]
#
# Needs root, Debian, cargo, 6 GB of space for temporary files, and a mirror of Debian (DEBIAN_MIRROR). With an argument
# it writes the image to that file for `docker load`; everything else is removed at the end.
set -euo pipefail

readonly PACKAGES="buildah debootstrap runc jq curl iproute2"
readonly LIMIT=30000000
keep=${1:+$(realpath "$1")}
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

is() {
    [[ $2 == "$3" ]] || fail "$1: $2, not $3"
    printf '%-34s %s\n' "$1" "$2"
}

((EUID == 0)) || fail "not root: debootstrap and mounts need it"
for tool in buildah debootstrap runc jq curl ss cargo; do
    command -v "$tool" >/dev/null || fail "no $tool: apt-get install $PACKAGES, and Rust by rustup"
done

work=$(mktemp -d)
# For the mounts of buildah.
export TMPDIR=$work
# Separate storage, so that existing images are not used and none remains. vfs copies files, which works on every file
# system and within containers; chroot isolation works there, too.
readonly STORE=(--root "$work/store" --runroot "$work/run" --storage-driver vfs)
builder() {
    buildah "${STORE[@]}" "$@"
}
runner() {
    runc --root "$work/runc" "$@"
}

finish() {
    local status=$?
    trap - EXIT
    for name in gateway asking; do
        runner delete --force "$name-$$" >/dev/null 2>&1 || true
    done
    builder umount --all >/dev/null 2>&1 || true
    # This machine's Rust may be mounted there, and must not be removed.
    if grep -q " $work" /proc/self/mountinfo; then
        echo "not removed, because something is still mounted: $work" >&2
    else
        rm -rf "$work"
    fi
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The base image of the Dockerfile, the version of Rust and the release of Debian.
base=$(sed -n 's/^FROM \([^ ]*\) AS build$/\1/p' Dockerfile)
suite=${base##*-}
version=${base#rust:}
version=${version%%-*}
[[ "$(rustc --version)" == "rustc $version."* ]] || fail "the Dockerfile needs Rust $version: $(rustc --version)"

echo "=== $base, of Debian's packages and this machine's Rust"
container=$(builder from scratch)
root=$(builder mount "$container")
debootstrap --variant=minbase --include=ca-certificates,gcc,libc6-dev "$suite" "$root" \
    "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$work/debootstrap.log" ||
    { tail -5 "$work/debootstrap.log" >&2 && fail "debootstrap"; }
mkdir -p "$root/usr/local/cargo" "$root/usr/local/rust" "$root/usr/local/crates"
cargo vendor --locked --quiet "$work/crates"
printf '[source.crates-io]\nreplace-with = "here"\n[source.here]\ndirectory = "/usr/local/crates"\n' \
    >"$root/usr/local/cargo/config.toml"
builder config --env CARGO_HOME=/usr/local/cargo --env CARGO_NET_OFFLINE=true \
    --env PATH=/usr/local/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
builder umount "$container" >/dev/null
builder commit --quiet --rm "$container" "docker.io/library/$base" >/dev/null

echo "=== the image"
builder build --pull-never --isolation chroot --format docker --layers=false \
    --volume "$(rustc --print sysroot):/usr/local/rust:ro" --volume "$work/crates:/usr/local/crates:ro" \
    --from "docker.io/library/$base" --tag vt4ai . >"$work/build.log" 2>&1 ||
    { tail -30 "$work/build.log" >&2 && fail "the build"; }
[[ -z $keep ]] || builder push --quiet vt4ai "docker-archive:$keep:vt4ai:latest"

echo "=== what is in it"
container=$(builder from --pull-never vt4ai)
root=$(builder mount "$container")
config=$(builder inspect --type image vt4ai | jq .Docker.config)
(cd "$root" && find . -type f -printf '%9s %M %P\n')
size=$(find "$root" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }')
((size < LIMIT)) || fail "$size bytes, $LIMIT at most"
printf '%-34s %s\n' "bytes" "$size"
is "programs" "$(cd "$root" && find . -type f -perm /111 -not -name '*.so*' -printf '%P ')" "vt4ai "
is "set-user-id or world-writable" "$(find "$root" -not -type l -perm /6002 -printf '%P ')" ""
is "user" "$(jq -r .User <<<"$config")" "65532:65532"
is "entry point" "$(jq -c .Entrypoint <<<"$config")" '["/vt4ai"]'
is "health check" "$(jq -c .Healthcheck.Test <<<"$config")" '["CMD","/vt4ai","healthcheck"]'

# Starts the image as `docker run --read-only --cap-drop ALL --security-opt no-new-privileges` would. The arguments are
# a name, the network namespace of another container or "", and variables.
start() {
    local name=$1 network=$2 bundle="$work/$1"
    shift 2
    mkdir "$bundle"
    printf '127.0.0.1 localhost stand-in.test\n' >"$bundle/hosts"
    touch "$bundle/resolv.conf" "$bundle/log"
    jq --arg root "$root" --arg network "$network" --arg bundle "$bundle" '
        def files: {type: "bind", options: ["bind", "ro", "nosuid", "nodev", "noexec"]};
        {
            ociVersion: "1.0.0",
            root: {path: $root, readonly: true},
            hostname: "vt4ai",
            process: {
                user: (.User | split(":") | {uid: .[0] | tonumber, gid: .[1] | tonumber}),
                args: (.Entrypoint + (.Cmd // [])),
                env: (.Env + $ARGS.positional),
                cwd: "/",
                noNewPrivileges: true,
                capabilities: {bounding: [], effective: [], permitted: [], inheritable: [], ambient: []}
            },
            mounts: [
                {type: "proc", source: "proc", destination: "/proc"},
                (files + {source: "\($bundle)/hosts", destination: "/etc/hosts"}),
                (files + {source: "\($bundle)/resolv.conf", destination: "/etc/resolv.conf"})
            ],
            linux: {namespaces: [
                {type: "pid"}, {type: "mount"}, {type: "ipc"}, {type: "uts"},
                ({type: "network"} + if $network == "" then {} else {path: $network} end)
            ]}
        }' --args "$@" <<<"$config" >"$bundle/config.json"
    runner run --bundle "$bundle" --pid-file "$bundle/pid" "$name-$$" </dev/null >"$bundle/log" 2>&1 &
    echo $! >"$bundle/runner"
    for ((tries = 0; tries < 100; tries++)); do
        if grep -q listening "$bundle/log"; then
            return
        fi
        sleep 0.1
    done
    cat "$bundle/log" >&2
    fail "$name does not listen"
}

# Sends a request from its network namespace, which has only a loopback interface.
ask() {
    nsenter --target "$pid" --net curl --silent --show-error --max-time 10 "$@"
}

echo "=== as it runs"
start gateway "" VT4AI_DEMO=true
pid=$(<"$work/gateway/pid")
of_process() {
    awk -v name="$1:" '$1 == name { print $2 }' "/proc/$pid/status"
}
is "user id" "$(of_process Uid)" 65532
is "bounding set of capabilities" "$(of_process CapBnd)" 0000000000000000
is "no new privileges" "$(of_process NoNewPrivs)" 1
is "mount of the root" "$(awk '$5 == "/" { split($6, options, ","); print options[1] }' "/proc/$pid/mountinfo")" ro
readonly REPORT=/api/v1/files/275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f
is "GET /livez" "$(ask http://127.0.0.1:8000/livez)" '{"status":"ok"}'
is "a report" "$(ask http://127.0.0.1:8000$REPORT | jq -r .format)" json
is "an upload" "$(ask -o /dev/null -w '%{http_code}' -F file=@Cargo.lock http://127.0.0.1:8000/api/v1/files)" 202
is "the health check ends with" "$(runner exec "gateway-$$" /vt4ai healthcheck && echo 0)" 0

# A second gateway resolves the name of the demo's VirusTotal in the /etc/hosts of a container engine.
stand_in=$(nsenter --target "$pid" --net ss -Hltn | awk '{ print $4 }' | grep -v ':8000$' | grep -o '[0-9]*$')
start asking "/proc/$pid/ns/net" VT4AI_PORT=8001 "VT4AI_UPSTREAM_URL=http://stand-in.test:$stand_in"
is "a report, by the upstream's name" "$(ask -H 'X-API-Key: some-key' http://127.0.0.1:8001$REPORT | jq -r .format)" json

for name in asking gateway; do
    runner kill "$name-$$" TERM
    status=0
    wait "$(<"$work/$name/runner")" || status=$?
    is "SIGTERM ends $name with" "$status" 0
done

cat <<EOF
=== not tested here
- the image $base of the registry: it has the same Debian and Rust in other layers
- a container engine: health checks on a timer, published ports, seccomp and AppArmor profiles, memory limits
- another architecture than $(uname -m)
- DNS and VirusTotal itself: the namespace has no network
OK
EOF

#!/bin/sh
# Make a minimal base image from Debian packages, without an image registry: Python 3.11, the C++ and OpenMP runtimes,
# certificates, a user 65532 and a shell; no package manager. The same packages give the same image, byte for byte.
#   sh ops/base_image.sh            makes slipway-base:bookworm in the Docker engine that `docker` reaches
#   BASE_IMAGE=name:tag             another name
#   MIRROR=http://…/debian          another mirror of Debian
set -eu
cd "$(dirname "$0")/.."
IMAGE=${BASE_IMAGE:-slipway-base:bookworm}
PACKAGES=base-files,ca-certificates,dash,libc-bin,libgomp1,libpython3-stdlib,libstdc++6,media-types,netbase
PACKAGES=$PACKAGES,python3-minimal,tzdata
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1700000000}

fail() {
    echo "base image: $1" >&2
    exit 1
}

command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing. On Debian and Ubuntu: apt install mmdebstrap"
command -v docker >/dev/null || fail "the docker command is missing. On Debian and Ubuntu: apt install docker.io"
docker version >/dev/null 2>&1 || fail "no Docker engine answers; start it, or name it in DOCKER_HOST"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Maintainer scripts do not run in this variant, so what they would write is written here. $1 is the new root.
cat >"$work/finish" <<'EOF'
#!/bin/sh
set -eu
cat "$1"/usr/share/ca-certificates/mozilla/*.crt >"$1/etc/ssl/certs/ca-certificates.crt"
echo "root:x:0:0:root:/root:/bin/sh" >"$1/etc/passwd"
echo "slipway:x:65532:65532:slipway:/tmp:/bin/sh" >>"$1/etc/passwd"
printf 'root:x:0:\nslipway:x:65532:\n' >"$1/etc/group"
printf 'hosts: files dns\n' >"$1/etc/nsswitch.conf"
for package in "$1"/var/cache/apt/archives/*.deb; do # for bills of materials, which read it
    dpkg-deb --field "$package" Package Version Architecture
    printf 'Status: install ok unpacked\n\n'
done >"$1/var/lib/dpkg/status"
rm -rf "$1"/var/cache/* "$1"/var/lib/apt/* "$1"/var/lib/dpkg/info "$1"/usr/share/locale
EOF
chmod +x "$work/finish"

mmdebstrap --quiet --variant=extract --include="$PACKAGES" --extract-hook="$work/finish" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    bookworm "$work/root.tar" ${MIRROR:+"$MIRROR"}
.venv/bin/python -m ops.base_image "$work/root.tar" "$IMAGE" "$SOURCE_DATE_EPOCH" | docker load --quiet
docker image inspect --format '{{.Id}}' "$IMAGE"

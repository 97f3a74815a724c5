"""What of the system a walled-in program may see. Pure."""

SYSTEM = ("/usr", "/opt", "/sys/devices/system", "/sys/fs/cgroup")  # read and run
ROOT_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")  # into /usr; folders on older systems
SETTINGS = tuple(
    f"/etc/{name}"
    for name in (
        "passwd", "group", "hosts", "hostname", "nsswitch.conf", "resolv.conf", "host.conf", "gai.conf", "services",
        "protocols", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ssl", "ca-certificates", "ca-certificates.conf",
        "pki", "crypto-policies", "fonts", "localtime", "timezone", "mime.types", "magic", "os-release",
        "debian_version", "alternatives", "OpenCL", "vulkan", "odbc.ini", "odbcinst.ini", "freetds", "krb5.conf",
    )
)  # fmt: skip
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts")
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - named semaphores are files there
ACCELERATORS = ("/dev/nvidia*", "/dev/dri", "/dev/kfd", "/dev/dxg", "/dev/accel*")  # patterns

"""Flags of `az ml model deploy` that are settings of Azure's deploymentconfig.json, by their keys there.

The studio reads them as it reads the file: what it has no use for comes back as a warning. Flags that mean the same
as one of ours are aliases of that one.
"""

from slipway.commands.flags import Flag

_FLAGS = (
    ("computeType", "--cp", "--compute-type"),
    ("authEnabled", "--ae", "--auth-enabled"),
    ("tokenAuthEnabled", "--token-auth-enabled"),
    ("appInsightsEnabled", "--ai", "--enable-app-insights"),
    ("dataCollection.storageEnabled", "--md", "--collect-model-data"),
    ("autoScaler.autoscaleEnabled", "--as", "--autoscale-enabled"),
    ("autoScaler.minReplicas", "--mi", "--autoscale-min-replicas"),
    ("autoScaler.maxReplicas", "--ma", "--autoscale-max-replicas"),
    ("autoScaler.refreshPeriodInSeconds", "--ar", "--autoscale-refresh-seconds"),
    ("autoScaler.targetUtilization", "--at", "--autoscale-target-utilization"),
    ("numReplicas", "--nr", "--num-replicas"),
    ("containerResourceRequirements.cpuLimit", "--ccl", "--cpu-cores-limit"),
    ("containerResourceRequirements.memoryInGBLimit", "--gbl", "--memory-gb-limit"),
    ("gpuCores", "--gc", "--gpu-cores"),
    ("maxConcurrentRequestsPerContainer", "--rm", "--replica-max-concurrent-requests"),
    ("maxQueueWaitMs", "--mr", "--max-request-wait-time"),
    ("scoringTimeoutMs", "--tm", "--timeout-ms", "--scoring-timeout-ms"),
    ("livenessProbeRequirements.periodSeconds", "--ps", "--period-seconds"),
    ("livenessProbeRequirements.initialDelaySeconds", "--id", "--initial-delay-seconds"),
    ("livenessProbeRequirements.timeoutSeconds", "--ts", "--timeout-seconds"),
    ("livenessProbeRequirements.successThreshold", "--st", "--success-threshold"),
    ("livenessProbeRequirements.failureThreshold", "--ft", "--failure-threshold"),
    ("keys.primaryKey", "--kp", "--primary-key"),
    ("keys.secondaryKey", "--ks", "--secondary-key"),
    ("namespace", "--namespace"),
    ("location", "--lo", "--location"),
    ("dnsNameLabel", "--dn", "--dns-name-label"),
    ("sslEnabled", "--se", "--ssl-enabled"),
    ("sslCertificate", "--sp", "--ssl-cert-pem-file"),
    ("sslKey", "--sk", "--ssl-key-pem-file"),
    ("cname", "--sc", "--ssl-cname"),
    ("port", "--po", "--port"),
    ("vnetName", "--vnet-name"),
    ("subnetName", "--subnet-name"),
    ("cmkVaultBaseUrl", "--cvu", "--cmk-vault-base-url"),
    ("cmkKeyName", "--ckn", "--cmk-key-name"),
    ("cmkKeyVersion", "--ckv", "--cmk-key-version"),
    ("trafficPercentile", "--tp", "--traffic-percentile"),
    ("versionName", "--vn", "--version-name"),
    ("tags", "--tag"),
    ("properties", "--property"),
)
REPEATED = frozenset({"tags", "properties"})
DEPLOYMENT = tuple(
    Flag(
        path=tuple(key.split(".")),
        flags=tuple(names),
        type=list[str] if key in REPEATED else str,
        help=f"{key} of deploymentconfig.json.",
    )
    for key, *names in _FLAGS
)

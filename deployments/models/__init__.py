from deployments.models.build import Build
from deployments.models.bundle import BuiltBundle
from deployments.models.client_key import ClientKey, KeyUse
from deployments.models.collection import Collection
from deployments.models.config import ConfigFile, InferenceConfig
from deployments.models.device import Device, DeviceRollout, DeviceRolloutState
from deployments.models.edge_export import EdgeExport, SigningKey
from deployments.models.experiment import Outcome, Participant
from deployments.models.front import FrontStatus, RoutingFile
from deployments.models.image import BuiltImage, ImageKind
from deployments.models.instance import Instance, InstanceDesired
from deployments.models.isolated_run import IsolatedRun
from deployments.models.package import Package, PackageForm
from deployments.models.port import Port
from deployments.models.registry import ImageRegistry
from deployments.models.rollout import Rollout, RolloutPhase
from deployments.models.scaling import InstanceScaling
from deployments.models.service import Desired, HostName, Key, Phase, Revision, RevisionModel, Service, Traffic
from deployments.models.target import Target
from deployments.models.target_check import TargetCheck

__all__ = [
    "Build",
    "BuiltBundle",
    "BuiltImage",
    "ClientKey",
    "Collection",
    "ConfigFile",
    "Desired",
    "Device",
    "DeviceRollout",
    "DeviceRolloutState",
    "EdgeExport",
    "FrontStatus",
    "HostName",
    "ImageKind",
    "ImageRegistry",
    "InferenceConfig",
    "Instance",
    "InstanceDesired",
    "InstanceScaling",
    "IsolatedRun",
    "Key",
    "KeyUse",
    "Outcome",
    "Package",
    "PackageForm",
    "Participant",
    "Phase",
    "Port",
    "Revision",
    "RevisionModel",
    "Rollout",
    "RolloutPhase",
    "RoutingFile",
    "Service",
    "SigningKey",
    "Target",
    "TargetCheck",
    "Traffic",
]

"""The aws sink: a secret of Secrets Manager, or a parameter of Systems Manager's Parameter Store."""

from __future__ import annotations

from reconciler.core.desired import SinkSpec
from reconciler.edge.sinks.aws_client import Client, open_client, usual_region
from reconciler.edge.sinks.aws_parameters import ParameterSink
from reconciler.edge.sinks.aws_secrets import SecretsManagerSink
from reconciler.edge.sinks.surroundings import Surroundings


def place(spec: SinkSpec, surroundings: Surroundings) -> SinkSpec:
    """The sink with its region, whoever names that."""
    region = spec.option("region", "") or surroundings.shared("aws region", lambda: usual_region(surroundings))
    return spec.having(region=region or None)


def open_sink(spec: SinkSpec, surroundings: Surroundings) -> SecretsManagerSink | ParameterSink:
    """The sink of an `aws:` entry."""
    region, kms_key = spec.option("region", ""), spec.option("kms_key", "")

    def client(service: str) -> Client:
        return surroundings.shared(("aws", service, region), lambda: open_client(service, region, surroundings))

    parameter = spec.option("parameter", "")
    if parameter:
        return ParameterSink(aws=client("ssm"), parameter=parameter, kms_key=kms_key)
    return SecretsManagerSink(
        aws=client("secretsmanager"), secret=spec.option("secret"), field=spec.option("field", ""), kms_key=kms_key
    )

"""The JSON Schema (draft 2020-12) of the documents, made of their structs."""

from typing import Any

import msgspec

from podtimeline.render.structs import FaultList, PodTimeline, PodTimelineList, Rollout, WorkloadList

Schema = dict[str, Any]

TIMELINE: Schema = msgspec.json.schema(PodTimeline)
PAGE: Schema = msgspec.json.schema(PodTimelineList)
ROLLOUT: Schema = msgspec.json.schema(Rollout)
WORKLOADS: Schema = msgspec.json.schema(WorkloadList)
FAULTS: Schema = msgspec.json.schema(FaultList)

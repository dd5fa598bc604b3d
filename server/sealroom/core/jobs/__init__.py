# SPDX-License-Identifier: Apache-2.0
"""Work that must be done at a time, even if the process that took it on is gone by then. In the database, beside what it is about."""

from sealroom.core.jobs.kind import Daily, Every, Job, JobKind, Schedule
from sealroom.core.jobs.queue import JobMetrics, Jobs

__all__ = ["Daily", "Every", "Job", "JobKind", "JobMetrics", "Jobs", "Schedule"]

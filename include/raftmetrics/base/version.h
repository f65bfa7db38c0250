/* The version of this build. */
#ifndef RAFTMETRICS_BASE_VERSION_H
#define RAFTMETRICS_BASE_VERSION_H

#define RM_VERSION "0.1.0"

#endif

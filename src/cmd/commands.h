/* The subcommands. Each is called with its own name as @argv[0] and returns the exit code. */
#ifndef RAFTMETRICS_SRC_CMD_COMMANDS_H
#define RAFTMETRICS_SRC_CMD_COMMANDS_H

int rm_cmd_control(int argc, char **argv);
int rm_cmd_worker(int argc, char **argv);
int rm_cmd_dev(int argc, char **argv);
int rm_cmd_record(int argc, char **argv);
int rm_cmd_get(int argc, char **argv);
int rm_cmd_aggregate(int argc, char **argv);
int rm_cmd_list(int argc, char **argv);
int rm_cmd_status(int argc, char **argv);
int rm_cmd_import(int argc, char **argv);
int rm_cmd_rebuild(int argc, char **argv);
int rm_cmd_config(int argc, char **argv);

#endif

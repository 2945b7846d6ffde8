/* Runs a command and reports its wall time, CPU time and largest resident memory: "WALL_NS CPU_NS PEAK_KIB".
 *
 *   launch COMMAND ARGUMENT...
 *
 * A program inherits the memory peak of whoever starts it, until its own is larger. This one is as small as a program gets.
 * What the command prints is thrown away; its failure is this program's. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char** environ;

static long long nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static long long microseconds(struct timeval time) {
  return time.tv_sec * 1000000LL + time.tv_usec;
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fputs("usage: launch COMMAND ARGUMENT...\n", stderr);
    return 2;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  const long long start = nanoseconds();
  pid_t child = 0;
  const int error = posix_spawnp(&child, argv[1], &actions, NULL, argv + 1, environ);
  if (error != 0) {
    fprintf(stderr, "launch: %s cannot be started (error %d)\n", argv[1], error);
    return 127;
  }
  int status = 0;
  struct rusage usage;
  if (wait4(child, &status, 0, &usage) != child) return 1;
  const long long wall = nanoseconds() - start;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fprintf(stderr, "launch: %s ended with wait status %d\n", argv[1], status);
    return 1;
  }
  printf("%lld %lld %ld\n", wall, 1000 * (microseconds(usage.ru_utime) + microseconds(usage.ru_stime)),
         usage.ru_maxrss);
  return 0;
}

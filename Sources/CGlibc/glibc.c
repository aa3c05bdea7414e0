#define _GNU_SOURCE
#include "glibc.h"

#ifdef __linux__
#include <features.h>
#endif

#ifdef __GLIBC__
#include <malloc.h>
#include <sched.h>

extern int __nss_configure_lookup(const char *database, const char *services);
#endif

void metertap_use_own_name_service(void) {
#ifdef __GLIBC__
    __nss_configure_lookup("hosts", "files dns");
#endif
}

void metertap_give_back_large_memory(void) {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
#endif
}

int metertap_available_cores(void) {
#ifdef __GLIBC__
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) == 0) return CPU_COUNT(&cores);
#endif
    return 1;
}

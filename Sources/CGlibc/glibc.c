#include "glibc.h"

#ifdef __linux__
#include <features.h>
#endif

#ifdef __GLIBC__
#include <malloc.h>

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

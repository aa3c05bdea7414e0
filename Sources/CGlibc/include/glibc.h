#ifndef METERTAP_GLIBC_H
#define METERTAP_GLIBC_H

/// Has glibc look up host names in files and by DNS alone, whatever /etc/nsswitch.conf says.
///
/// A static executable would otherwise load the host's modules, which belong to another C library. Elsewhere than on
/// glibc this does nothing.
void metertap_use_own_name_service(void);

/// Has glibc give each buffer of 1 MiB and more back to the system as soon as it is freed.
///
/// It would otherwise take the size of freed buffers for usual, and keep up to 64 MiB for each thread. Elsewhere than on
/// glibc this does nothing.
void metertap_give_back_large_memory(void);

/// Returns how many cores the process may run on.
///
/// glibc's sysconf counts all that the machine has. Elsewhere than on glibc this is 1.
int metertap_available_cores(void);

#endif

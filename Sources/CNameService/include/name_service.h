#ifndef METERTAP_NAME_SERVICE_H
#define METERTAP_NAME_SERVICE_H

/// Has glibc look up host names in files and by DNS alone, whatever /etc/nsswitch.conf says.
///
/// A static executable would otherwise load the host's modules, which belong to another C library. Elsewhere than on
/// glibc this does nothing.
void metertap_use_own_name_service(void);

#endif

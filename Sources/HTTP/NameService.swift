private import CGlibc

/// How host names are looked up.
public enum NameService {
    /// Has names looked up in files and by DNS alone, whatever the host is configured for.
    ///
    /// To be called first of all in an executable: a static one must not load the host's name-service modules, which fit
    /// another C library and crash.
    public static func useFilesAndDNS() {
        metertap_use_own_name_service()
    }
}

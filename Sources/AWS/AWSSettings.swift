import FoundationEssentials

/// What the environment and the shared files say about AWS, read as the AWS CLI reads it.
///
/// | setting | from, the first that is set |
/// | --- | --- |
/// | region | `AWS_REGION`, `AWS_DEFAULT_REGION`, `region` of the profile |
/// | profile | `AWS_PROFILE`, `default` |
/// | endpoint | `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, the profile's `services`, its `endpoint_url` |
/// | no such endpoint | `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`, `ignore_configured_endpoint_urls` of the profile |
/// | kind of host | `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT`, `use_fips_endpoint`, `use_dualstack_endpoint` of the profile |
/// | certificates | `AWS_CA_BUNDLE`, `ca_bundle` of the profile |
/// | files | `AWS_CONFIG_FILE`, `AWS_SHARED_CREDENTIALS_FILE`, in `~/.aws` |
public struct AWSSettings: Sendable {
    /// The region for calls; nil when none is set.
    public let region: String?
    /// The path of a PEM file with authorities to trust instead of the system's.
    public let caBundle: String?
    /// The name of the profile in use.
    public let profile: String

    let config: SharedConfig
    let variant: Partition.Variant
    private let ignoresEndpoints: Bool
    private let environment: [String: String]
    let readFile: @Sendable (String) -> [UInt8]?

    /// Reads the settings.
    ///
    /// - Parameters:
    ///   - environment: the environment's variables.
    ///   - readFile: gives a file's bytes; nil when it is not there or cannot be read.
    /// - Throws: when `AWS_PROFILE` names a profile that neither file has, or a flag is neither true nor false.
    public init(
        environment: [String: String], readFile: @escaping @Sendable (String) -> [UInt8]?
    ) throws(AWSError) {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        func path(_ name: String, _ file: String) -> String? {
            let home = variable("HOME")
            guard let path = variable(name) else { return home.map { "\($0)/.aws/\(file)" } }
            guard path.hasPrefix("~/"), let home else { return path }
            return home + path.dropFirst()
        }
        self.environment = environment
        self.readFile = readFile
        config = SharedConfig(
            config: path("AWS_CONFIG_FILE", "config").flatMap(readFile),
            credentials: path("AWS_SHARED_CREDENTIALS_FILE", "credentials").flatMap(readFile))
        let name = variable("AWS_PROFILE") ?? "default"
        profile = name
        let settings = config.profiles[profile]
        if variable("AWS_PROFILE") != nil, settings == nil {
            throw .configuration(
                "NoSuchProfile", "AWS_PROFILE names the profile \(profile), which is in none of the files.",
                operation: "Reading the AWS settings")
        }
        func flag(_ variableName: String, _ key: String) throws(AWSError) -> Bool {
            guard let text = variable(variableName) ?? settings?[key] else { return false }
            guard let value = Bool(text.lowercased()) else {
                let place = variable(variableName) == nil ? "\(key) of the profile \(name)" : variableName
                throw .configuration(
                    "InvalidSetting", "\(place) is neither true nor false.", operation: "Reading the AWS settings")
            }
            return value
        }
        variant = Partition.Variant(
            isFIPS: try flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
            isDualStack: try flag("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"))
        ignoresEndpoints = try flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls")
        region = variable("AWS_REGION") ?? variable("AWS_DEFAULT_REGION") ?? settings?["region"]
        caBundle = variable("AWS_CA_BUNDLE") ?? settings?["ca_bundle"]
    }

    /// Reads the settings of this process.
    public static func ofProcess() throws(AWSError) -> AWSSettings {
        try AWSSettings(environment: ProcessInfo.processInfo.environment) { path in
            FileManager.default.contents(atPath: path).map { Array($0) }
        }
    }

    /// The settings of the profile that `AWS_PROFILE` names; nil where it names none.
    var namedProfile: [String: String]? { variable("AWS_PROFILE").flatMap { config.profiles[$0] } }

    /// An environment variable; nil when it is not set or empty.
    func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }

    /// A file with one line, such as a token, without the white space around it.
    func readLine(_ path: String) -> String? {
        readFile(path).map { SharedConfig.trimmed(String(decoding: $0, as: UTF8.self)[...]) }
    }

    /// The URL that replaces a service's own endpoint.
    func endpointURL(_ service: AWSService) -> String? {
        guard !ignoresEndpoints else { return nil }
        let settings = config.profiles[profile]
        let ofServices = settings?["services"].flatMap { config.services[$0] }
        return variable("AWS_ENDPOINT_URL_\(service.environmentName)") ?? variable("AWS_ENDPOINT_URL")
            ?? ofServices?[service.environmentName.lowercased()] ?? settings?["endpoint_url"]
    }
}

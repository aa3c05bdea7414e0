import AWS

/// An environment in which empty is absent, and what is set makes sense.
struct Variables {
    /// The names that S3 knows.
    ///
    /// https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
    private static let cannedACLs = [
        "private", "public-read", "public-read-write", "aws-exec-read", "authenticated-read", "bucket-owner-read",
        "bucket-owner-full-control", "log-delivery-write",
    ]

    private let environment: [String: String]

    /// - Throws: `SettingError` for the first of our variables that no one set on purpose.
    init(_ environment: [String: String]) throws(SettingError) {
        self.environment = environment
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix("METERTAP_") {
            try SettingError.check(value, name)
        }
    }

    subscript(name: String) -> String? {
        environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    func flag(_ name: String) throws(SettingError) -> Bool? {
        switch self[name] {
        case nil: nil
        case "true": true
        case "false": false
        case let value?: throw SettingError(name, "is '\(value)'; set it to true or false")
        }
    }

    /// A region; any name where an endpoint is set, for servers other than AWS have their own.
    func region(_ name: String) throws(SettingError) -> String? {
        guard let value = self[name] else { return nil }
        let isOther = (self["AWS_ENDPOINT_URL_S3"] ?? self["AWS_ENDPOINT_URL"]) != nil
        if !isOther, let problem = SettingRules.region(value) { throw SettingError(name, problem) }
        return value
    }

    func role(_ name: String) throws(SettingError) -> String? {
        guard let value = self[name] else { return nil }
        if let problem = SettingRules.role(value) { throw SettingError(name, problem) }
        return value
    }

    func externalID(_ name: String) throws(SettingError) -> String? {
        guard let value = self[name] else { return nil }
        if let problem = SettingRules.externalID(value) { throw SettingError(name, problem) }
        return value
    }

    /// A secret's ARN, or its name.
    func secret(_ name: String) throws(SettingError) -> String? {
        guard let value = self[name] else { return nil }
        guard ARN(value)?.isSecret ?? SettingRules.isNameOfSecret(value) else {
            throw SettingError(
                name,
                "is no ARN of a secret; write arn:aws:secretsmanager:region:account:secret:name, or the secret's name")
        }
        return value
    }

    func cannedACL(_ name: String) throws(SettingError) -> String? {
        guard let value = self[name] else { return nil }
        guard Self.cannedACLs.contains(value) else {
            throw SettingError(
                name, "is '\(value)', which is no canned ACL; these are: \(Self.cannedACLs.joined(separator: ", "))")
        }
        return value
    }

    func encryption(_ name: String) throws(SettingError) -> S3Attributes.Encryption? {
        switch self[name] {
        case nil: return nil
        case "AES256": return .aes256
        case "aws:kms": return .kms(key: nil)
        case "aws:kms:dsse": return .dualLayerKMS
        case let key? where ARN(key)?.service == "kms": return .kms(key: key)
        case let value?:
            throw SettingError(
                name, "is '\(value)'; set it to AES256, aws:kms, aws:kms:dsse or the ARN of a key of KMS")
        }
    }
}

/// What settings and members of lists must look like; each rule gives the end of a sentence, or nil for what is well.
package enum SettingRules {
    /// A region of AWS.
    package static func region(_ text: String) -> String? {
        RegionName.isValid(text) ? nil : "is '\(text)', which is no region; write it as eu-central-1"
    }

    /// The ARN of a role.
    package static func role(_ text: String) -> String? {
        ARN(text)?.isRole == true
            ? nil : "is no ARN of a role; write arn:aws:iam::123456789012:role/name"
    }

    /// What a role's owner asks for.
    ///
    /// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    package static func externalID(_ text: String) -> String? {
        let isAllowed = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "_+=,.@:/-".utf8.contains(byte)
        }
        return isAllowed && (2...1_224).contains(text.utf8.count)
            ? nil : "is no external id: 2 to 1,224 letters, digits and _ + = , . @ : / -"
    }

    /// Whether a text may be the name of a secret.
    ///
    /// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
    static func isNameOfSecret(_ text: String) -> Bool {
        text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "/_+=.@-".utf8.contains(byte)
        }
    }
}

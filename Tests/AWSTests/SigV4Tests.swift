import AWS
import FoundationEssentials
import HTTP
import HTTPTypes
import Testing

/// One of the published cases of aws-c-auth.
struct SignatureCase: CustomTestStringConvertible {
    struct Context: Decodable {
        struct Keys: Decodable {
            var accessKeyId: String
            var secretAccessKey: String
            var token: String?
        }
        var credentials: Keys
        var expirationInSeconds: Int
        var normalize: Bool
        var region: String
        var service: String
        var signBody: Bool
        var timestamp: String
        var omitSessionToken: Bool?
    }

    var name: String
    var context: Context
    var request: Request
    private var folder: String

    var testDescription: String { name }

    /// The folder with the cases, or nil in a checkout without them.
    static let root: String? = {
        var candidates = ProcessInfo.processInfo.environment["METERTAP_SHARED"].map { ["\($0)/data/sigv4"] } ?? []
        var folder = #filePath[...]
        while let slash = folder.lastIndex(of: "/") {
            folder = folder[..<slash]
            candidates.append("\(folder)/../shared/data/sigv4")
        }
        return candidates.first { FileManager.default.fileExists(atPath: $0) }
    }()

    static func all() throws -> [SignatureCase] {
        guard let root else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: root).sorted()
            .filter { FileManager.default.fileExists(atPath: "\(root)/\($0)/context.json") }
            .map { try SignatureCase(name: $0, folder: "\(root)/\($0)") }
    }

    init(name: String, folder: String) throws {
        self.name = name
        self.folder = folder
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        context = try decoder.decode(
            Context.self, from: #require(FileManager.default.contents(atPath: "\(folder)/context.json")))
        request = try Self.parse(
            String(decoding: #require(FileManager.default.contents(atPath: "\(folder)/request.txt")), as: UTF8.self))
    }

    func expected(_ file: String) throws -> String {
        let bytes = try #require(FileManager.default.contents(atPath: "\(folder)/\(file).txt"))
        var text = String(decoding: bytes, as: UTF8.self)
        while text.last?.isNewline == true { text.removeLast() }
        return text
    }

    private static func parse(_ text: String) throws -> Request {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)[...]
        let line = lines.removeFirst()
        let space = try #require(line.firstIndex(of: " "))
        let method = try #require(HTTPRequest.Method(String(line[..<space])))
        let path = String(line[space...].dropFirst().dropLast(" HTTP/1.1".count))
        var fields: [(name: String, value: String)] = []
        while let line = lines.popFirst(), !line.isEmpty {
            if line.first == " ", !fields.isEmpty {
                fields[fields.count - 1].value += line
            } else {
                let colon = try #require(line.firstIndex(of: ":"))
                fields.append((String(line[..<colon]), String(line[colon...].dropFirst())))
            }
        }
        let host = try #require(fields.first { $0.name == "Host" }).value
        var request = Request(head: HTTPRequest(method: method, scheme: "https", authority: host, path: path))
        for field in fields where field.name != "Host" {
            request.head.headerFields.append(
                HTTPField(name: try #require(HTTPField.Name(field.name)), value: field.value))
        }
        request.body = Array(lines.joined(separator: "\n").utf8)
        return request
    }
}

@Suite struct SigV4Tests {
    static let published: ConditionTrait = .enabled(
        if: SignatureCase.root != nil, "left out: the published cases are not at ../shared/data/sigv4")

    private func signer(_ context: SignatureCase.Context, sendsContentHash: Bool) -> SigV4Signer {
        SigV4Signer(
            service: context.service, region: context.region,
            rules: .init(
                normalizesPath: context.normalize, encodesTwice: true, sendsContentHash: sendsContentHash))
    }

    private func credentials(_ context: SignatureCase.Context) -> Credentials {
        Credentials(
            accessKeyID: context.credentials.accessKeyId, secretAccessKey: context.credentials.secretAccessKey,
            sessionToken: context.omitSessionToken == true ? nil : context.credentials.token)
    }

    @Test(published) func `there are 38 published cases`() throws {
        #expect(try SignatureCase.all().count == 38)
    }

    @Test(published, arguments: try SignatureCase.all())
    func `header signatures are those published`(published: SignatureCase) throws {
        let time = try #require(UnixTime(iso8601: published.context.timestamp))
        let (request, steps) = signer(published.context, sendsContentHash: published.context.signBody).signWithSteps(
            published.request, credentials: credentials(published.context), at: time)
        #expect(steps.canonicalRequest == (try published.expected("header-canonical-request")))
        #expect(steps.stringToSign == (try published.expected("header-string-to-sign")))
        #expect(steps.signature == (try published.expected("header-signature")))
        let authorization = try #require(request.head.headerFields[.authorization])
        #expect(
            try published.expected("header-signed-request").contains("Authorization:\(authorization)\n")
                || published.expected("header-signed-request").hasSuffix("Authorization:\(authorization)"))
    }

    @Test(published, arguments: try SignatureCase.all())
    func `query signatures are those published`(published: SignatureCase) throws {
        let time = try #require(UnixTime(iso8601: published.context.timestamp))
        let (request, steps) = signer(published.context, sendsContentHash: false).presignWithSteps(
            published.request, credentials: credentials(published.context), at: time,
            lifetime: .seconds(published.context.expirationInSeconds))
        #expect(steps.canonicalRequest == (try published.expected("query-canonical-request")))
        #expect(steps.stringToSign == (try published.expected("query-string-to-sign")))
        #expect(steps.signature == (try published.expected("query-signature")))
        if published.context.omitSessionToken != true {
            let path = try #require(request.head.path)
            #expect(try published.expected("query-signed-request").hasPrefix("\(request.head.method) \(path) HTTP/1.1"))
        }
    }

    // The examples of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and
    // https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    private let example = Credentials(
        accessKeyID: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    private let s3 = SigV4Signer(service: "s3", region: "us-east-1")
    private let may2013 = UnixTime(seconds: 1_369_353_600)

    private func request(
        _ method: HTTPRequest.Method, _ path: String, _ fields: HTTPFields = [:], body: String = ""
    ) -> Request {
        Request(
            head: HTTPRequest(
                method: method, scheme: "https", authority: "examplebucket.s3.amazonaws.com", path: path,
                headerFields: fields), body: Array(body.utf8))
    }

    @Test func `S3 requests are signed as its documentation shows`() throws {
        let get = s3.sign(request(.get, "/test.txt", [.range: "bytes=0-9"]), credentials: example, at: may2013)
        #expect(
            get.head.headerFields[.authorization]
                == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                + "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
                + "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
        let put = s3.sign(
            try request(
                .put, "/test%24file.text",
                [
                    .date: "Fri, 24 May 2013 00:00:00 GMT",
                    #require(HTTPField.Name("x-amz-storage-class")): "REDUCED_REDUNDANCY",
                ],
                body: "Welcome to Amazon S3."),
            credentials: example, at: may2013)
        #expect(
            put.head.headerFields[.authorization]?.hasSuffix(
                "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd") == true)
        let list = s3.sign(request(.get, "/?max-keys=2&prefix=J"), credentials: example, at: may2013)
        #expect(
            list.head.headerFields[.authorization]?.hasSuffix(
                "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7") == true)
    }

    @Test func `an S3 URL is signed as its documentation shows`() {
        let url = s3.presign(request(.get, "/test.txt"), credentials: example, at: may2013, lifetime: .seconds(86_400))
        #expect(
            url.head.path?.hasSuffix(
                "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404") == true)
    }

    @Test func `signing again replaces the signature`() {
        let once = s3.sign(request(.get, "/a"), credentials: example, at: may2013)
        #expect(s3.sign(once, credentials: example, at: may2013).head.headerFields == once.head.headerFields)
    }

    @Test func `a query is signed in the order of its encoded names and values`() {
        let path = "/?b=2&a=2&a=1&a-=0&b=%7e&uploads&B=&a=%C3%BC&a=+"
        let steps = s3.signWithSteps(request(.get, path), credentials: example, at: may2013).steps
        #expect(
            steps.canonicalRequest.split(separator: "\n", omittingEmptySubsequences: false)[2]
                == "B=&a=%2B&a=%C3%BC&a=1&a=2&a-=0&b=2&b=~&uploads=")
    }

    @Test func `an S3 path is signed as it goes out`() {
        let path = "/a//b/../c%2Bd%20e=%25/./~"
        let steps = s3.signWithSteps(request(.get, path), credentials: example, at: may2013).steps
        #expect(
            steps.canonicalRequest.split(separator: "\n", omittingEmptySubsequences: false)[1]
                == "/a//b/../c%2Bd%20e%3D%25/./~")
    }
}

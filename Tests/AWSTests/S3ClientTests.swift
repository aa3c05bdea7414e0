import AWS
import HTTP
import HTTPTesting
import HTTPTypes
import Synchronization
import Testing

@Suite struct S3ClientTests {
    private let time = FakeTime()

    private func s3(
        _ transport: FakeTransport, _ environment: [String: String] = [:], multipart: S3Client.Multipart = .init()
    ) throws -> S3Client {
        try S3Client(session(transport, environment: environment, time: time), multipart: multipart)
    }

    // MARK: Addresses

    @Test(
        arguments: [
            ("bucket", "a/b", [:], "https://bucket.s3.eu-west-1.amazonaws.com/a/b"),
            ("my.bucket", "a", [:], "https://s3.eu-west-1.amazonaws.com/my.bucket/a"),
            ("bucket", "a", ["AWS_REGION": "cn-north-1"], "https://bucket.s3.cn-north-1.amazonaws.com.cn/a"),
            ("bucket", "a", ["AWS_ENDPOINT_URL": "http://h:1"], "http://h:1/bucket/a"),
            ("bucket", "a", ["AWS_ENDPOINT_URL_S3": "http://h:1/base/"], "http://h:1/base/bucket/a"),
            (
                "b", "/a//b/../ü +=%~&?#", [:],
                "https://b.s3.eu-west-1.amazonaws.com//a//b/../%C3%BC%20%2B%3D%25~%26%3F%23"
            ),
        ] as [(String, String, [String: String], String)])
    func `objects have addresses`(bucket: String, key: String, environment: [String: String], url: String) async throws
    {
        let transport = FakeTransport(Response(200, "body"))
        _ = try await s3(transport, environment).get(bucket: bucket, key: key)
        #expect(transport.requests.map(\.line) == ["GET \(url)"])
    }

    @Test(arguments: ["", "a/b", "a b", "a?b", "ü", "a@b", "a:1"])
    func `what is no name of a bucket is never sent`(bucket: String) async throws {
        let transport = FakeTransport()
        let error = await #expect(throws: AWSError.self) { try await s3(transport).get(bucket: bucket, key: "k") }
        #expect(error?.code == "InvalidBucketName")
        #expect(transport.requests.isEmpty)
    }

    @Test func `an empty key is never sent`() async throws {
        let transport = FakeTransport()
        await #expect(throws: AWSError.self) { try await s3(transport).delete(bucket: "b", key: "") }
        #expect(transport.requests.isEmpty)
    }

    // MARK: Single calls

    @Test(
        arguments: [
            (.aes256, "AES256", nil), (.kms(key: nil), "aws:kms", nil),
            (
                .kms(key: "arn:aws:kms:eu-west-1:111122223333:key/k"), "aws:kms",
                "arn:aws:kms:eu-west-1:111122223333:key/k"
            ),
            (.dualLayerKMS, "aws:kms:dsse", nil),
        ] as [(S3Attributes.Encryption, String, String?)])
    func `a bucket is asked to encrypt`(encryption: S3Attributes.Encryption, name: String, key: String?) async throws {
        let transport = FakeTransport(Response(200))
        _ = try await s3(transport).put([1], bucket: "b", key: "k", S3Attributes(encryption: encryption))
        let request = try #require(transport.requests.first)
        #expect(request.field("x-amz-server-side-encryption") == name)
        #expect(request.field("x-amz-server-side-encryption-aws-kms-key-id") == key)
    }

    @Test func `a check sends what a put sends, but for the digest`() async throws {
        let attributes = S3Attributes(
            contentType: "application/x-ndjson", metadata: ["records": "1"], acl: "private", encryption: .aes256)
        let transport = FakeTransport(Response(200), s3Error(400, "BadDigest"), s3Error(412, "PreconditionFailed"))
        let s3 = try s3(transport)
        _ = try await s3.put(Array("\n".utf8), bucket: "b", key: "k", attributes, ifNoneMatch: true)
        for _ in 0..<2 { try await s3.checkPut(bucket: "b", key: "k", attributes, ifNoneMatch: true) }
        func fields(_ request: Request) -> [String] {
            request.head.headerFields.map { "\($0.name.canonicalName): \($0.value)" }
                .filter { !$0.hasPrefix("content-md5") && !$0.hasPrefix("authorization") }
        }
        #expect(fields(transport.requests[0]) == fields(transport.requests[1]))
        #expect(transport.requests[0].line == transport.requests[1].line)
        #expect(transport.requests[0].field("Content-MD5") != transport.requests[1].field("Content-MD5"))
    }

    @Test func `an object is put with its fields`() async throws {
        let transport = FakeTransport(Response(200, fields: [.eTag: "\"e\""]))
        let outcome = try await s3(transport).put(
            Array("hello".utf8), bucket: "b", key: "k",
            S3Attributes(
                contentType: "application/x-ndjson", metadata: ["records": "12", "Source": "a b"],
                acl: "bucket-owner-full-control"))
        #expect(outcome == .created(etag: "\"e\""))
        let request = try #require(transport.requests.first)
        #expect(request.line == "PUT https://b.s3.eu-west-1.amazonaws.com/k")
        #expect(request.text == "hello")
        #expect(request.field("Content-Type") == "application/x-ndjson")
        #expect(request.field("x-amz-meta-records") == "12")
        #expect(request.field("x-amz-meta-source") == "a b")
        #expect(request.field("x-amz-acl") == "bucket-owner-full-control")
        #expect(request.field("If-None-Match") == nil)
        #expect(request.field("Content-MD5") == "XUFAKrxLKna5cZ2REBfFkg==")
        #expect(request.field("x-amz-server-side-encryption") == nil)
        #expect(
            request.field("x-amz-content-sha256") == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
        #expect(
            request.field("Authorization")?.contains(
                "SignedHeaders=content-md5;content-type;host;x-amz-acl;x-amz-content-sha256;x-amz-date;x-amz-meta-records;x-amz-meta-source,"
            )
                == true)
    }

    @Test(arguments: [["a b": "x"], ["a": "x\r\ny"], ["a": "ü"]])
    func `metadata that no header can hold is refused`(metadata: [String: String]) async throws {
        let transport = FakeTransport()
        let error = await #expect(throws: AWSError.self) {
            try await s3(transport).put([], bucket: "b", key: "k", S3Attributes(metadata: metadata))
        }
        #expect(error?.kind == .refused)
        #expect(transport.requests.isEmpty)
    }

    @Test func `a conditional put says what was there`() async throws {
        let created = FakeTransport(Response(200))
        #expect(try await s3(created).put([1], bucket: "b", key: "k", ifNoneMatch: true) == .created(etag: nil))
        #expect(created.requests.first?.field("If-None-Match") == "*")

        let exists = FakeTransport(s3Error(412, "PreconditionFailed"))
        #expect(try await s3(exists).put([1], bucket: "b", key: "k", ifNoneMatch: true) == .alreadyExists)
        #expect(exists.requests.count == 1)

        let raced = FakeTransport(s3Error(409, "ConditionalRequestConflict"), s3Error(412, "PreconditionFailed"))
        #expect(try await s3(raced).put([1], bucket: "b", key: "k", ifNoneMatch: true) == .alreadyExists)
        #expect(raced.requests.count == 2)

        let lost = FakeTransport([
            .failure(TransportError(.connection, "reset")), .success(s3Error(412, "PreconditionFailed")),
        ])
        #expect(try await s3(lost).put([1], bucket: "b", key: "k", ifNoneMatch: true) == .alreadyExists)
    }

    @Test func `an object is replaced only where it is the one that is named`() async throws {
        let fields: HTTPFields = [.eTag: "\"new\""]
        let transport = FakeTransport(
            Response(200, fields: fields), Response(200, fields: fields), s3Error(412, "PreconditionFailed"),
            s3Error(404, "NoSuchKey"), s3Error(409, "ConditionalRequestConflict"), s3Error(412, "PreconditionFailed"))
        let s3 = try s3(transport)
        #expect(try await s3.put([1], bucket: "b", key: "k", replacing: nil) == "\"new\"")
        #expect(try await s3.put([1], bucket: "b", key: "k", replacing: "\"old\"") == "\"new\"")
        #expect(transport.requests[0].field("If-None-Match") == "*")
        #expect(transport.requests[0].field("If-Match") == nil)
        #expect(transport.requests[1].field("If-None-Match") == nil)
        #expect(transport.requests[1].field("If-Match") == "\"old\"")
        for _ in 0..<3 { #expect(try await s3.put([1], bucket: "b", key: "k", replacing: "\"old\"") == nil) }
    }

    @Test func `no object is replaced where the condition is not known, or the bucket is not there`() async throws {
        for answer in [s3Error(501, "NotImplemented"), s3Error(404, "NoSuchBucket"), Response(200)] {
            let transport = FakeTransport { _, _ in answer }
            await #expect(throws: AWSError.self) {
                try await s3(transport).put([1], bucket: "b", key: "k", replacing: "\"old\"")
            }
        }
    }

    @Test func `a server that does not know the condition stores without it`() async throws {
        let transport = FakeTransport(s3Error(501, "NotImplemented"), Response(200))
        #expect(try await s3(transport).put([1], bucket: "b", key: "k", ifNoneMatch: true) == .created(etag: nil))
        #expect(transport.requests.map { $0.field("If-None-Match") } == ["*", nil])

        let plain = FakeTransport(s3Error(501, "NotImplemented"))
        await #expect(throws: AWSError.self) { try await s3(plain).put([1], bucket: "b", key: "k") }
        #expect(plain.requests.count == 1)
    }

    @Test func `objects are read, described and deleted`() async throws {
        let meta = try #require(HTTPField.Name("X-Amz-Meta-Records"))
        let fields: HTTPFields = [.eTag: "\"e\"", .contentType: "text/plain", meta: "3", .contentLength: "5"]
        let transport = FakeTransport(
            Response(200, fields: fields, "hello"), Response(200, fields: fields), Response(204),
            Response(404), Response(301))
        let s3 = try s3(transport)
        let object = try await s3.get(bucket: "b", key: "k")
        #expect(object.body == Array("hello".utf8))
        let info = try await s3.head(bucket: "b", key: "k")
        #expect(info == object.info)
        #expect(info.bytes == 5)
        #expect(info.etag == "\"e\"")
        #expect(info.contentType == "text/plain")
        #expect(info.metadata == ["records": "3"])
        try await s3.delete(bucket: "b", key: "k")
        let missing = await #expect(throws: AWSError.self) { try await s3.head(bucket: "b", key: "k") }
        #expect(missing?.isMissingKey == true)
        let moved = await #expect(throws: AWSError.self) { try await s3.head(bucket: "b", key: "k") }
        #expect(moved?.code == "PermanentRedirect")
        let methods = transport.requests.map(\.head.method)
        #expect(methods == [.get, .head, .delete, .head, .head])
    }

    @Test func `keys are listed page by page`() async throws {
        let first = """
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><EncodingType>url</EncodingType>
            <IsTruncated>true</IsTruncated><NextContinuationToken>1/x+=</NextContinuationToken>
            <Contents><Key>p/a+b%2B%C3%BC%0A</Key><Size>12</Size><ETag>&quot;e&quot;</ETag>
            <LastModified>2026-01-31T23:59:59.000Z</LastModified></Contents>
            <Contents><Key>p/c</Key><Size>0</Size></Contents>
            </ListBucketResult>
            """
        let last =
            "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a+%41</Key></Contents></ListBucketResult>"
        let transport = FakeTransport(Response(200, first), Response(200, last))
        let s3 = try s3(transport, ["AWS_ENDPOINT_URL": "http://h"])
        let page = try await s3.list(bucket: "b", prefix: "p/ü", startAfter: "p", maximumKeys: 2)
        #expect(
            page.objects == [
                S3Page.Entry(key: "p/a b+ü\n", bytes: 12, etag: "\"e\"", lastModified: "2026-01-31T23:59:59.000Z"),
                S3Page.Entry(key: "p/c", bytes: 0),
            ])
        let next = try await s3.list(bucket: "b", continuation: page.continuation)
        #expect(next.objects.map(\.key) == ["a+%41"])
        #expect(next.continuation == nil)
        #expect(
            transport.requests.map(\.line) == [
                "GET http://h/b?list-type=2&encoding-type=url&prefix=p%2F%C3%BC&start-after=p&max-keys=2",
                "GET http://h/b?list-type=2&encoding-type=url&prefix=&continuation-token=1%2Fx%2B%3D",
            ])
    }

    private func page(_ keys: String..., token: String? = nil, isTruncated: Bool = true) -> Response {
        let contents = keys.map { "<Contents><Key>\($0)</Key></Contents>" }.joined()
        let token = token.map { "<NextContinuationToken>\($0)</NextContinuationToken>" } ?? ""
        return Response(
            200, "<ListBucketResult><IsTruncated>\(isTruncated)</IsTruncated>\(token)\(contents)</ListBucketResult>")
    }

    private func keys(_ transport: FakeTransport) async throws -> [String] {
        var listing = S3Listing(try s3(transport), bucket: "b", prefix: "")
        var keys: [String] = []
        while let page = try await listing.next() { keys += page.objects.map(\.key) }
        return keys
    }

    @Test func `a list without a token that leads on goes on behind its last key`() async throws {
        let expired = s3Error(400, "InvalidArgument")
        let transport = FakeTransport(
            page("a", token: "1"), page("b", token: "1"), page("c"), page(token: ""), page("d", token: "2"), expired,
            page("e", isTruncated: false))
        await #expect(throws: AWSError.self) { try await keys(transport) }
        let whole = FakeTransport(
            page("a", token: "1"), page("b", token: "1"), page("c"), page("d", token: "2"), expired,
            page("e", isTruncated: false))
        #expect(try await keys(whole) == ["a", "b", "c", "d", "e"])
        let starts = whole.requests.map { $0.line.split(separator: "start-after=").dropFirst().first.map(String.init) }
        #expect(starts[2...] == ["b", "c", "d&continuation-token=2", "d"])
    }

    @Test func `a list that never ends is an error`() async throws {
        for answer in [page("a", token: "same"), page("a"), page(token: "same"), page()] {
            let transport = FakeTransport { (_, number) throws(TransportError) in
                guard number < 100 else { throw TransportError(.invalidRequest, "It never ends.") }
                return answer
            }
            let error = await #expect(throws: AWSError.self) { try await keys(transport) }
            #expect(error?.isRepeatedToken == true)
        }
    }

    @Test func `a list that is none is an error`() async throws {
        for body in ["", "<html/>", "<ListBucketResult>"] {
            let error = await #expect(throws: AWSError.self) {
                try await s3(FakeTransport(Response(200, body))).list(bucket: "b")
            }
            #expect(error?.code == "MalformedResponse")
        }
    }

    // MARK: Parts

    /// A server that puts parts together.
    private final class PartServer: Sendable {
        let parts = Mutex<[Int: [UInt8]]>([:])
        let most = Mutex((now: 0, most: 0))
        private let answers: @Sendable (String) -> Response?

        init(_ answers: @escaping @Sendable (String) -> Response? = { _ in nil }) {
            self.answers = answers
        }

        var transport: FakeTransport {
            FakeTransport { (request, _) throws(TransportError) in
                let path = request.head.path ?? ""
                let step = "\(request.head.method) \(path.split(separator: "?").last ?? "")"
                if let answer = self.answers(step) { return answer }
                if step == "POST uploads=" {
                    return Response(200, "<R><Bucket>b</Bucket><UploadId>u/1+</UploadId></R>")
                }
                guard path.hasSuffix("uploadId=u%2F1%2B") else { return Response(400) }
                guard step.hasPrefix("PUT partNumber=") else {
                    return request.head.method == .post
                        ? Response(200, "  <R><ETag>&quot;all&quot;</ETag></R>") : Response(204)
                }
                self.most.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                await Task.yield()
                let number = step.dropFirst("PUT partNumber=".count).prefix { $0 != "&" }
                self.parts.withLock { $0[Int(number) ?? 0] = request.body }
                self.most.withLock { $0.now -= 1 }
                return Response(200, fields: [.eTag: "\"\(number)\""])
            }
        }
    }

    private var small: S3Client.Multipart {
        var multipart = S3Client.Multipart()
        multipart.threshold = 10
        multipart.partBytes = 3
        return multipart
    }

    private let body = Array("0123456789abcdefghij".utf8)

    @Test func `a large body goes in parts`() async throws {
        let server = PartServer()
        let transport = server.transport
        let outcome = try await s3(transport, multipart: small).put(
            body, bucket: "b", key: "k",
            S3Attributes(contentType: "text/plain", metadata: ["a": "1"], acl: "private"), ifNoneMatch: true)
        #expect(outcome == .created(etag: "\"all\""))
        let parts = server.parts.withLock { $0 }
        #expect(parts.sorted { $0.key < $1.key }.flatMap(\.value) == body)
        #expect(parts.count == 7)
        #expect(server.most.withLock { $0.most } <= 4)
        let create = try #require(transport.requests.first)
        #expect(create.field("x-amz-acl") == "private")
        #expect(create.field("x-amz-meta-a") == "1")
        #expect(create.field("Content-Type") == "text/plain")
        let complete = try #require(transport.requests.last)
        #expect(complete.line == "POST https://b.s3.eu-west-1.amazonaws.com/k?uploadId=u%2F1%2B")
        #expect(complete.field("If-None-Match") == "*")
        #expect(complete.text.contains("<Part><PartNumber>7</PartNumber><ETag>&quot;7&quot;</ETag></Part></Complete"))
        #expect(transport.requests.count == 9)
        // Without a digest a bucket with Object Lock refuses each part.
        #expect(transport.requests.count { $0.field("Content-MD5") != nil } == 7)
    }

    @Test func `a body at the threshold goes whole`() async throws {
        let transport = FakeTransport(Response(200))
        _ = try await s3(transport, multipart: small).put(Array(body.prefix(10)), bucket: "b", key: "k")
        #expect(transport.requests.map(\.head.method) == [.put])
    }

    @Test func `an object that is there already ends the upload`() async throws {
        let transport = PartServer { $0.hasPrefix("POST uploadId") ? s3Error(412, "PreconditionFailed") : nil }
            .transport
        let outcome = try await s3(transport, multipart: small).put(body, bucket: "b", key: "k", ifNoneMatch: true)
        #expect(outcome == .alreadyExists)
        #expect(transport.requests.last?.head.method == .delete)
    }

    @Test(
        arguments: [
            ("POST uploads=", 403, "AccessDenied", .configuration),
            ("POST uploadId=u%2F1%2B", 400, "InvalidPart", .refused),
            ("PUT partNumber=3&uploadId=u%2F1%2B", 403, "AccessDenied", .configuration),
            ("POST uploadId=u%2F1%2B", 409, "ConditionalRequestConflict", .transient),
            ("POST uploadId=u%2F1%2B", 404, "NoSuchUpload", .transient),
        ] as [(String, Int, String, AWSError.Kind)])
    func `an upload that fails is aborted`(step: String, status: Int, code: String, kind: AWSError.Kind) async throws {
        let transport = PartServer { $0 == step ? s3Error(status, code) : nil }.transport
        let error = await #expect(throws: AWSError.self) {
            try await s3(transport, multipart: small).put(body, bucket: "b", key: "k", ifNoneMatch: true)
        }
        #expect(error?.code == code)
        #expect(error?.kind == kind)
        let began = step != "POST uploads="
        #expect((transport.requests.last?.head.method == .delete) == began)
        #expect(transport.requests.count { $0.line.hasPrefix("DELETE") } == (began ? 1 : 0))
        #expect(transport.requests.count { $0.line.hasPrefix("POST") } == (began && step.hasPrefix("POST") ? 2 : 1))
    }

    @Test func `an error inside an answer with status 200 is one`() async throws {
        let tries = Mutex(0)
        let passing = PartServer { step in
            guard step.hasPrefix("POST uploadId") else { return nil }
            return tries.withLock { tries in
                tries += 1
                return tries
            } == 1 ? s3Error(200, "InternalError") : nil
        }
        let outcome = try await s3(passing.transport, multipart: small).put(body, bucket: "b", key: "k")
        #expect(outcome == .created(etag: "\"all\""))
        let lasting = PartServer { $0.hasPrefix("POST uploadId") ? s3Error(200, "InternalError") : nil }.transport
        let error = await #expect(throws: AWSError.self) {
            try await s3(lasting, multipart: small).put(body, bucket: "b", key: "k")
        }
        #expect(error?.kind == .transient)
        #expect(error?.code == "InternalError")
        #expect(lasting.requests.last?.head.method == .delete)
    }

    @Test func `a cancelled upload is aborted`() async throws {
        let server = PartServer()
        let inner = server.transport
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let transport = FakeTransport { (request, _) throws(TransportError) in
            if request.head.method == .put {
                start.yield()
                let (never, _) = AsyncStream.makeStream(of: Void.self)
                for await _ in never {}
                throw TransportError(.cancelled, "cancelled")
            }
            return try await inner.send(request, timeout: .seconds(1))
        }
        let client = try s3(transport, multipart: small)
        let error = await withTaskGroup(of: AWSError?.self) { group in
            group.addTask { [body] in
                do throws(AWSError) {
                    _ = try await client.put(body, bucket: "b", key: "k")
                    return nil
                } catch { return error }
            }
            for await _ in started { break }
            group.cancelAll()
            return await group.next() ?? nil
        }
        #expect(error?.code == "Cancelled")
        #expect(transport.requests.last?.head.method == .delete)
    }
}

import AWS
import HTTP
import HTTPTesting
import HTTPTypes
import Synchronization
import Testing

/// What all clients have in common, tried with GetObject and GetSecretValue.
@Suite struct ServiceCallerTests {
    private let time = FakeTime()

    private func get(
        _ transport: FakeTransport, credentials: any CredentialsProvider = FixedCredentials(fixedCredentials)
    ) async throws -> S3Object {
        try await S3Client(session(transport, time: time, credentials: credentials)).get(bucket: "b", key: "k")
    }

    private func failure(_ responses: Response...) async -> AWSError? {
        await #expect(throws: AWSError.self) { try await get(FakeTransport(responses.map { .success($0) })) }
    }

    @Test(
        arguments: [
            (403, "AccessDenied", .configuration), (404, "NoSuchKey", .configuration),
            (404, "NoSuchBucket", .configuration),
            (403, "InvalidAccessKeyId", .configuration), (403, "SignatureDoesNotMatch", .configuration),
            (301, "PermanentRedirect", .configuration), (400, "AuthorizationHeaderMalformed", .configuration),
            (401, "Unauthorized", .configuration), (400, "ExpiredToken", .configuration),
            (400, "KMS.DisabledException", .configuration),
            (400, "EntityTooLarge", .tooLarge), (413, "Whatever", .tooLarge),
            (400, "InvalidArgument", .refused), (405, "MethodNotAllowed", .refused),
            (412, "PreconditionFailed", .refused),
            (501, "NotImplemented", .refused), (400, "InvalidRequest", .refused),
            (505, "Odd", .transient),
        ] as [(Int, String, AWSError.Kind)])
    func `an error that will not pass is thrown at once`(status: Int, code: String, kind: AWSError.Kind) async {
        let transport = FakeTransport { _, _ in s3Error(status, code) }
        let error = await #expect(throws: AWSError.self) { try await get(transport) }
        #expect(error?.kind == kind)
        #expect(error?.code == code)
        #expect(error?.status == status)
        #expect(error?.requestID == "REQ1")
        #expect(error?.operation == "S3 GetObject")
        #expect(error?.resource == "s3://b/k")
        #expect(error?.description.contains("What \(code) means") == true)
        #expect(transport.requests.count == (code == "ExpiredToken" ? 2 : 1))
    }

    @Test(arguments: [
        (503, "SlowDown"), (500, "InternalError"), (429, "TooManyRequests"), (400, "RequestTimeout"),
        (400, "ThrottlingException"), (409, "OperationAborted"), (408, "X"), (504, "Y"),
    ])
    func `a passing error is retried, then thrown as transient`(status: Int, code: String) async throws {
        #expect(try await get(FakeTransport(s3Error(status, code), Response(200, "x"))).body == Array("x".utf8))
        let transport = FakeTransport { _, _ in s3Error(status, code) }
        let error = await #expect(throws: AWSError.self) { try await get(transport) }
        #expect(error?.kind == .transient)
        #expect(transport.requests.count == 5)
    }

    @Test(arguments: [
        (TransportError.Code.connection, AWSError.Kind.transient), (.timeout, .transient), (.cancelled, .transient),
        (.tls, .configuration), (.invalidRequest, .configuration), (.responseTooLarge, .refused),
    ])
    func `transport errors have a kind`(code: TransportError.Code, kind: AWSError.Kind) async {
        let transport = FakeTransport { (_, _) throws(TransportError) in throw TransportError(code, "because") }
        let error = await #expect(throws: AWSError.self) { try await get(transport) }
        #expect(error?.kind == kind)
        #expect(error?.status == nil)
        #expect(error?.description.contains("S3 GetObject s3://b/k failed: because.") == true)
    }

    @Test func `the answer's region is passed on`() async throws {
        let region = try #require(HTTPField.Name("x-amz-bucket-region"))
        let moved = await failure(s3Error(301, "PermanentRedirect", fields: [region: "us-west-2"]))
        #expect(moved?.regionHint == "us-west-2")
        #expect(moved?.description.contains("The bucket is in the region us-west-2: set that one.") == true)
        let malformed = await failure(s3Error(400, "AuthorizationHeaderMalformed", more: "<Region>us-west-1</Region>"))
        #expect(malformed?.regionHint == "us-west-1")
        let missing = await failure(s3Error(404, "NoSuchKey", fields: [region: "eu-west-1"]))
        #expect(missing?.description.contains("set that one") == false)
        #expect(missing?.isMissingKey == true)
        let noBucket = await failure(s3Error(404, "NoSuchBucket"))
        #expect(noBucket?.isMissingKey == false)
    }

    @Test func `a description says what to do`() async {
        #expect(await failure(s3Error(403, "AccessDenied"))?.description.contains("are allowed to do this") == true)
        #expect(await failure(s3Error(403, "InvalidAccessKeyId"))?.description.contains("Check the access key") == true)
        #expect(await failure(s3Error(404, "NoSuchBucket"))?.description.contains("name of the bucket") == true)
    }

    @Test func `an answer that makes no sense still gives an error`() async {
        for body in ["", "<", "<html>no</html>", "{", "plain", "<Error/>", "{\"__type\":1}"] {
            let error = await failure(Response(403, body))
            #expect(error?.code == "AccessDenied")
            #expect(error?.kind == .configuration)
        }
    }

    @Test func `each attempt is signed afresh`() async throws {
        let transport = FakeTransport { [time] _, number in
            time.advance(.seconds(60))
            return number == 0 ? s3Error(503, "SlowDown") : Response(200)
        }
        _ = try await get(transport)
        #expect(transport.requests.map { $0.field("X-Amz-Date") } == ["20150830T123600Z", "20150830T123700Z"])
        #expect(transport.requests[0].field("Authorization") != transport.requests[1].field("Authorization"))
    }

    @Test func `a clock that is wrong is corrected once, for all calls`() async throws {
        let date = "Sun, 30 Aug 2015 13:36:00 GMT"
        let transport = FakeTransport { _, number in
            number == 0 ? s3Error(403, "RequestTimeTooSkewed", fields: [.date: date]) : Response(200)
        }
        let s3 = try S3Client(session(transport, time: time))
        _ = try await s3.get(bucket: "b", key: "k")
        _ = try await s3.get(bucket: "b", key: "k")
        #expect(
            transport.requests.map { $0.field("X-Amz-Date") } == [
                "20150830T123600Z", "20150830T133600Z", "20150830T133600Z",
            ])

        let stubborn = FakeTransport { _, _ in s3Error(403, "RequestTimeTooSkewed", fields: [.date: date]) }
        let error = await #expect(throws: AWSError.self) { try await get(stubborn) }
        #expect(error?.kind == .configuration)
        #expect(error?.description.contains("Set the clock") == true)
        #expect(stubborn.requests.count == 2)
    }

    @Test func `calls that were signed before the correction are corrected too`() async throws {
        let date = "Sun, 30 Aug 2015 13:36:00 GMT"
        let (bothSent, send) = AsyncStream.makeStream(of: Void.self)
        let transport = FakeTransport { (request, number) throws(TransportError) in
            guard request.field("X-Amz-Date") == "20150830T123600Z" else { return Response(200) }
            if number == 1 { send.finish() }
            for await _ in bothSent {}
            return s3Error(403, "RequestTimeTooSkewed", fields: [.date: date])
        }
        let s3 = try S3Client(session(transport, time: time))
        async let first = s3.get(bucket: "b", key: "1")
        async let second = s3.get(bucket: "b", key: "2")
        _ = try await (first, second)
        #expect(transport.requests.count == 4)
    }

    @Test func `credentials that STS does not give are waited for ten seconds`() async throws {
        let transport = FakeTransport { [time] (_, _) throws(TransportError) in
            time.advance(.seconds(5))
            throw TransportError(.timeout, "no answer")
        }
        let s3 = try S3Client(session(transport, time: time).assuming(roleARN: "r"))
        let error = await #expect(throws: AWSError.self) { try await s3.get(bucket: "b", key: "k") }
        #expect(error?.operation == "STS AssumeRole")
        #expect(error?.kind == .transient)
        #expect(transport.timeouts == [.seconds(5), .seconds(5)])
    }

    @Test func `a huge page is not searched for an error`() async {
        let error = await failure(Response(403, String(repeating: "<a>", count: 1 << 19)))
        #expect(error?.code == "AccessDenied")
    }

    @Test func `a description is one line`() {
        let error = AWSError(kind: .refused, code: "C", message: "a\nb\r\nc", operation: "O")
        #expect(error.description == "O failed: a b c. (C)")
    }

    @Test func `a bad signature at the right time is no matter of the clock`() async {
        let transport = FakeTransport { _, _ in
            s3Error(403, "SignatureDoesNotMatch", fields: [.date: "Sun, 30 Aug 2015 12:36:30 GMT"])
        }
        await #expect(throws: AWSError.self) { try await get(transport) }
        #expect(transport.requests.count == 1)
    }

    @Test func `expired credentials are renewed once`() async throws {
        final class Source: CredentialsProvider {
            let count = Mutex(0)
            func credentials() async throws(AWSError) -> Credentials {
                let number = count.withLock { count in
                    count += 1
                    return count
                }
                return Credentials(accessKeyID: "AKID\(number)", secretAccessKey: "s")
            }
        }
        let transport = FakeTransport(s3Error(400, "ExpiredToken"), Response(200))
        _ = try await get(transport, credentials: Source())
        #expect(transport.requests[0].field("Authorization")?.contains("Credential=AKID1/") == true)
        #expect(transport.requests[1].field("Authorization")?.contains("Credential=AKID2/") == true)
    }

    @Test func `without credentials nothing is sent`() async {
        struct None: CredentialsProvider {
            func credentials() async throws(AWSError) -> Credentials {
                throw AWSError(kind: .configuration, code: "NoCredentials", message: "none", operation: "Looking")
            }
        }
        let transport = FakeTransport()
        let error = await #expect(throws: AWSError.self) { try await get(transport, credentials: None()) }
        #expect(error?.code == "NoCredentials")
        #expect(transport.requests.isEmpty)
    }

    @Test func `the deadline ends the retries`() async throws {
        let transport = FakeTransport { [time] _, _ in
            time.advance(.seconds(4))
            return s3Error(503, "SlowDown")
        }
        let s3 = try S3Client(session(transport, time: time))
        let error = await #expect(throws: AWSError.self) {
            try await s3.get(bucket: "b", key: "k", deadline: time.start + .seconds(10))
        }
        #expect(error?.kind == .transient)
        #expect(transport.timeouts == [.seconds(10), .seconds(6), .seconds(2)])
    }

    @Test func `a region must be known`() throws {
        let session = AWSSession(
            settings: try settings(), transport: FakeTransport(), credentials: FixedCredentials(fixedCredentials))
        let error = #expect(throws: AWSError.self) { try S3Client(session) }
        #expect(error?.code == "NoRegion")
        #expect(error?.description.contains("AWS_REGION") == true)
    }

    // MARK: Secrets Manager and STS

    @Test func `a secret is read in the region of its ARN`() async throws {
        let transport = FakeTransport(
            Response(200, #"{"ARN":"x","SecretString":"{\"key\":\"v\"}","VersionStages":["a"]}"#))
        let arn = "arn:aws:secretsmanager:us-west-2:1:secret:name-AbCdEf"
        #expect(try await SecretsManagerClient(session(transport)).secretValue(arn) == #"{"key":"v"}"#)
        let request = try #require(transport.requests.first)
        #expect(request.line == "POST https://secretsmanager.us-west-2.amazonaws.com/")
        #expect(request.field("X-Amz-Target") == "secretsmanager.GetSecretValue")
        #expect(request.field("Content-Type") == "application/x-amz-json-1.1")
        #expect(request.text.replacing("\\/", with: "/") == "{\"SecretId\":\"\(arn)\"}")
        #expect(request.field("Authorization")?.contains("/us-west-2/secretsmanager/aws4_request") == true)
    }

    @Test(
        arguments: [
            (400, "AccessDeniedException", .configuration), (400, "ResourceNotFoundException", .configuration),
            (400, "DecryptionFailure", .configuration), (400, "InvalidRequestException", .refused),
        ] as [(Int, String, AWSError.Kind)])
    func `errors of JSON services are read`(status: Int, code: String, kind: AWSError.Kind) async throws {
        let id = try #require(HTTPField.Name("x-amzn-RequestId"))
        let body = #"{"__type":"com.amazonaws.secretsmanager#\#(code)","Message":"Why"}"#
        let transport = FakeTransport(Response(status, fields: [id: "R2"], body))
        let error = await #expect(throws: AWSError.self) {
            try await SecretsManagerClient(session(transport)).secretValue("name")
        }
        #expect(error?.code == code)
        #expect(error?.kind == kind)
        #expect(error?.message == "Why")
        #expect(error?.requestID == "R2")
        #expect(transport.requests.first?.line == "POST https://secretsmanager.eu-west-1.amazonaws.com/")
    }

    @Test func `a code in a field is read`() async throws {
        let type = try #require(HTTPField.Name("x-amzn-ErrorType"))
        let transport = FakeTransport(Response(400, fields: [type: "AccessDeniedException:http://x/"], ""))
        let error = await #expect(throws: AWSError.self) {
            try await SecretsManagerClient(session(transport)).secretValue("name")
        }
        #expect(error?.code == "AccessDeniedException")
    }

    @Test func `a binary secret is an error without its value`() async throws {
        let transport = FakeTransport(Response(200, #"{"SecretBinary":"c2VjcmV0"}"#))
        let error = await #expect(throws: AWSError.self) {
            try await SecretsManagerClient(session(transport)).secretValue("name")
        }
        #expect(error?.description.contains("c2VjcmV0") == false)
    }

    @Test func `a session can take on a role and keeps it`() async throws {
        let transport = FakeTransport { request, _ in
            request.line.hasPrefix("POST https://sts.") ? assumedRole("AssumeRole") : Response(200)
        }
        let s3 = try S3Client(
            session(transport, time: time).assuming(roleARN: "arn:aws:iam::9:role/r", externalID: "e"),
            region: "us-west-2")
        _ = try await s3.get(bucket: "b", key: "k")
        _ = try await s3.get(bucket: "b", key: "k")
        #expect(
            transport.requests.map(\.head.authority) == [
                "sts.eu-west-1.amazonaws.com", "b.s3.us-west-2.amazonaws.com", "b.s3.us-west-2.amazonaws.com",
            ])
        #expect(transport.requests[0].text.hasSuffix("&RoleSessionName=metertap&ExternalId=e"))
        #expect(transport.requests[1].field("Authorization")?.contains("Credential=ASIAROLE/") == true)
        #expect(transport.requests[1].field("X-Amz-Security-Token") == "roleToken")
    }

    @Test func `an answer of STS without credentials is an error`() async throws {
        for body in ["", "<a/>", "<AssumeRoleResponse><AssumeRoleResult/></AssumeRoleResponse>"] {
            let transport = FakeTransport(Response(200, body))
            let error = await #expect(throws: AWSError.self) {
                try await STSClient(session(transport)).assumeRole(roleARN: "r", sessionName: "s")
            }
            #expect(error?.code == "MalformedResponse")
        }
    }
}

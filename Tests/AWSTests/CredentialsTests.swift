import AWS
import HTTP
import HTTPTesting
import HTTPTypes
import Testing

@Suite struct CredentialsTests {
    private let time = FakeTime()

    private func find(
        _ environment: [String: String], files: [String: String] = [:], _ transport: FakeTransport
    ) async throws -> Credentials {
        let chain = DefaultCredentials(
            settings: try settings(environment, files: files), transport: transport, clocks: time.clocks,
            random: { 0 })
        return try await chain.credentials()
    }

    /// Nobody at any address.
    private let nobody = FakeTransport { (_, _) throws(TransportError) in throw TransportError(.connection, "nobody") }

    private func failure(
        _ environment: [String: String], files: [String: String] = [:], _ transport: FakeTransport? = nil
    ) async -> AWSError? {
        let error = await #expect(throws: AWSError.self) {
            try await find(environment, files: files, transport ?? nobody)
        }
        #expect(error?.description.contains("s3cr3t") == false)
        return error
    }

    // MARK: Environment

    @Test func `the environment comes first`() async throws {
        let environment = [
            "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s3cr3t", "AWS_SESSION_TOKEN": "token",
            "AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn",
        ]
        let found = try await find(environment, nobody)
        #expect(found == Credentials(accessKeyID: "AKID", secretAccessKey: "s3cr3t", sessionToken: "token"))
        #expect(nobody.requests.isEmpty)
    }

    @Test func `half a key pair is an error`() async {
        #expect(await failure(["AWS_ACCESS_KEY_ID": "AKID"])?.code == "PartialCredentials")
    }

    @Test func `an empty variable is none`() async {
        let error = await failure(["AWS_ACCESS_KEY_ID": "", "AWS_EC2_METADATA_DISABLED": "true"])
        #expect(error?.code == "NoCredentials")
        #expect(error?.kind == .configuration)
    }

    @Test func `nothing that prints credentials prints a secret`() {
        let credentials = Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "s3cr3t", sessionToken: "t0k3n")
        var dumped = ""
        dump(["key": credentials], to: &dumped)
        for text in ["\(credentials)", "\([credentials])", String(reflecting: credentials), dumped] {
            #expect(!text.contains("s3cr3t"))
            #expect(!text.contains("t0k3n"))
            #expect(text.contains("MPLE"))
        }
    }

    // MARK: Web identity

    private let webIdentity = [
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn:aws:iam::1:role/r", "AWS_REGION": "eu-west-1",
    ]

    @Test func `a web identity token is exchanged for credentials`() async throws {
        let transport = FakeTransport(assumedRole("AssumeRoleWithWebIdentity"))
        let environment = webIdentity.merging(["AWS_ROLE_SESSION_NAME": "pod 1"]) { $1 }
        #expect(try await find(environment, files: ["/token": "s3cr3t.jwt\n"], transport) == roleCredentials)
        let request = try #require(transport.requests.first)
        #expect(request.line == "POST https://sts.eu-west-1.amazonaws.com/")
        #expect(request.field("Authorization") == nil)
        #expect(
            request.text
                == "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
                + "&RoleSessionName=pod%201&WebIdentityToken=s3cr3t.jwt")
    }

    @Test func `a web identity that does not work is an error, not the next source`() async {
        #expect(await failure(webIdentity)?.description.contains("/token") == true)
        #expect(await failure(["AWS_WEB_IDENTITY_TOKEN_FILE": "/token"])?.code == "PartialCredentials")
        let refusal = Response(
            400,
            "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code><Message>No provider</Message></Error>"
                + "<RequestId>R</RequestId></ErrorResponse>")
        let error = await failure(webIdentity, files: ["/token": "s3cr3t"], FakeTransport(refusal))
        #expect(error?.code == "InvalidIdentityToken")
        #expect(error?.kind == .configuration)
        #expect(error?.requestID == "R")
    }

    // MARK: Containers

    @Test func `ECS is asked at its address`() async throws {
        let transport = FakeTransport(Response(200, metadataAnswer))
        let found = try await find(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/uuid?x=1"], transport)
        #expect(found == roleCredentials)
        #expect(transport.requests.map(\.line) == ["GET http://169.254.170.2/v2/credentials/uuid?x=1"])
        #expect(transport.requests.first?.field("Authorization") == nil)
    }

    @Test func `EKS is asked with the token of a file`() async throws {
        let transport = FakeTransport(Response(503), Response(200, metadataAnswer))
        let environment = [
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/token", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "other",
        ]
        #expect(try await find(environment, files: ["/token": "tok3n\n"], transport) == roleCredentials)
        #expect(
            transport.requests.map(\.line) == Array(repeating: "GET http://169.254.170.23/v1/credentials", count: 2))
        #expect(transport.requests.last?.field("Authorization") == "tok3n")
    }

    @Test(arguments: [
        "https://example.com/c", "http://localhost:1234/c", "http://127.1.2.3/", "http://[::1]:80/c",
        "http://169.254.170.2/c/",
        "http://[fd00:ec2::23]/c?d=e",
    ])
    func `credentials are fetched from`(url: String) async throws {
        let transport = FakeTransport(Response(200, metadataAnswer))
        let environment = [
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": url, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "tok3n",
        ]
        #expect(try await find(environment, transport) == roleCredentials)
        #expect(transport.requests.first?.line == "GET \(url.replacing(":80/", with: "/"))")
        #expect(transport.requests.first?.field("Authorization") == "tok3n")
    }

    @Test(arguments: [
        "http://example.com/c", "http://169.254.169.254/c", "http://127.0.0.1.example.com/c",
        "http://localhost.example/c",
        "http://128.0.0.1/", "http://user@127.0.0.1/", "ftp://localhost/", "localhost", "http://[::2]/", "",
    ])
    func `credentials are not fetched from`(url: String) async {
        let error = await failure(["AWS_CONTAINER_CREDENTIALS_FULL_URI": url, "AWS_EC2_METADATA_DISABLED": "true"])
        #expect(error?.code == (url.isEmpty ? "NoCredentials" : "InvalidEndpoint"))
        #expect(nobody.requests.isEmpty)
    }

    @Test func `a container endpoint that refuses is an error`() async {
        let environment = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a\nb"]
        #expect(await failure(environment)?.code == "InvalidToken")
        let relative = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"]
        #expect(await failure(relative, FakeTransport(Response(404, "no")))?.status == 404)
        #expect(await failure(relative, FakeTransport(Response(200, "{}")))?.code == "MalformedResponse")
        #expect(await failure(relative)?.kind == .transient)
    }

    // MARK: Shared files

    private let files = [
        "/home/u/.aws/config": """
        # comment
        [default]
        region = eu-west-3
        s3 =
            addressing_style = path
        [profile  keys ]
        aws_access_key_id = CONFIG
        aws_secret_access_key = config
        [profile role]
        role_arn = arn:aws:iam::2:role/r ; whose
        source_profile = keys
        external_id = e#1
        role_session_name=me
        [profile chained]
        role_arn = arn:aws:iam::3:role/r
        source_profile = role
        [profile self]
        role_arn = arn:aws:iam::4:role/r
        source_profile = self
        aws_access_key_id = SELF
        aws_secret_access_key = self
        [profile circle]
        role_arn = arn:aws:iam::4:role/r
        source_profile = circle2
        [profile circle2]
        role_arn = arn:aws:iam::4:role/r
        source_profile = circle
        [profile web]
        role_arn = arn:aws:iam::5:role/r
        web_identity_token_file = /token
        [profile sso]
        sso_session = company
        [profile process]
        credential_process = /bin/keys --json
        [profile login]
        login_session = arn:aws:iam::1:user/u
        [profile code]
        role_arn = arn:aws:iam::6:role/r
        source_profile = keys
        mfa_serial = arn:aws:iam::1:mfa/u
        [profile instance]
        role_arn = arn:aws:iam::6:role/r
        credential_source = Ec2InstanceMetadata
        [profile container]
        role_arn = arn:aws:iam::6:role/r
        credential_source = EcsContainer
        [profile unknown]
        role_arn = arn:aws:iam::6:role/r
        credential_source = Somewhere
        [profile both]
        role_arn = arn:aws:iam::6:role/r
        credential_source = EcsContainer
        source_profile = keys
        [profile lost]
        role_arn = arn:aws:iam::6:role/r
        source_profile = nowhere
        [profile alone]
        role_arn = arn:aws:iam::6:role/r
        [profile "two words"]
        aws_access_key_id = TWO
        aws_secret_access_key = two
        [profile half]
        aws_access_key_id = s3cr3t
        """,
        "/home/u/.aws/credentials": """
        [default]\r
        aws_access_key_id = DEFAULT\r
        aws_secret_access_key = def=ault+/==\r
        aws_session_token = token\r
        [keys]
        aws_access_key_id = KEYS
        aws_secret_access_key = keys
        """,
        "/token": "jwt",
    ]

    private func profile(_ name: String?) -> [String: String] {
        ["HOME": "/home/u", "AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_PROFILE": name ?? ""]
    }

    @Test(arguments: [(nil, "DEFAULT"), ("default", "DEFAULT"), ("keys", "KEYS"), ("two words", "TWO")])
    func `keys of a profile are found`(name: String?, id: String) async throws {
        let found = try await find(profile(name), files: files, nobody)
        #expect(found.accessKeyID == id)
        if id == "DEFAULT" {
            #expect(found.secretAccessKey == "def=ault+/==")
            #expect(found.sessionToken == "token")
        }
    }

    @Test func `the files can be elsewhere`() async throws {
        let environment = [
            "HOME": "/home/u", "AWS_CONFIG_FILE": "~/c", "AWS_SHARED_CREDENTIALS_FILE": "/s", "AWS_PROFILE": "p",
        ]
        let files = [
            "/home/u/c": "[profile p]\naws_access_key_id=A\n[p]\naws_secret_access_key=no",
            "/s": "[p]\naws_secret_access_key=B",
        ]
        let found = try await find(environment, files: files, nobody)
        #expect(found == Credentials(accessKeyID: "A", secretAccessKey: "B"))
    }

    @Test func `a role is taken on with the credentials of its source`() async throws {
        let transport = FakeTransport(assumedRole("AssumeRole"))
        #expect(try await find(profile("role"), files: files, transport) == roleCredentials)
        let request = try #require(transport.requests.first)
        #expect(request.field("Authorization")?.contains("Credential=KEYS/20150830/eu-west-1/sts/") == true)
        #expect(
            request.text == "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A2%3Arole%2Fr"
                + "&RoleSessionName=me&ExternalId=e%231")
    }

    @Test func `roles can be chained`() async throws {
        let transport = FakeTransport(assumedRole("AssumeRole", id: "FIRST"), assumedRole("AssumeRole"))
        #expect(try await find(profile("chained"), files: files, transport) == roleCredentials)
        #expect(transport.requests.last?.field("Authorization")?.contains("Credential=FIRST/") == true)
        #expect(transport.requests.last?.field("X-Amz-Security-Token") == "roleToken")
    }

    @Test func `a profile can be the source of its own role`() async throws {
        let transport = FakeTransport(assumedRole("AssumeRole"))
        #expect(try await find(profile("self"), files: files, transport) == roleCredentials)
        #expect(transport.requests.first?.field("Authorization")?.contains("Credential=SELF/") == true)
    }

    @Test func `a role is taken on with what an instance or a container gives`() async throws {
        let instance = FakeTransport(
            Response(200, "imdsToken"), Response(200, "r"), Response(200, metadataAnswer), assumedRole("AssumeRole"))
        let onInstance = profile("instance").merging(["AWS_EC2_METADATA_DISABLED": "false"]) { $1 }
        #expect(try await find(onInstance, files: files, instance) == roleCredentials)
        #expect(instance.requests.last?.text.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A6%3Arole%2Fr") == true)
        // The container's own credentials are not what the profile asks for.
        let container = FakeTransport(Response(200, metadataAnswer), assumedRole("AssumeRole", id: "TAKEN"))
        let environment = profile("container").merging(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"]) { $1 }
        #expect(try await find(environment, files: files, container).accessKeyID == "TAKEN")
    }

    @Test(arguments: [("sso", "sso_session"), ("process", "credential_process"), ("code", "mfa_serial")])
    func `what is not supported is named, with the way out`(name: String, key: String) async {
        let error = await #expect(throws: AWSError.self) { try await find(profile(name), files: files, nobody) }
        #expect(error?.message.contains(key) == true)
        #expect(error?.message.contains("aws configure export-credentials --profile \(name) --format env") == true)
    }

    @Test func `an instance whose metadata does not answer is told of the hop limit`() async {
        let silent = FakeTransport { _, _ throws(TransportError) in throw TransportError(.timeout, "no answer") }
        let error = await failure([:], silent)
        #expect(error?.code == "NoCredentials")
        #expect(error?.message.contains("--http-put-response-hop-limit 2") == true)
    }

    @Test func `a profile can name a token file`() async throws {
        let transport = FakeTransport(assumedRole("AssumeRoleWithWebIdentity"))
        #expect(try await find(profile("web"), files: files, transport) == roleCredentials)
        #expect(transport.requests.first?.text.hasSuffix("&WebIdentityToken=jwt") == true)
    }

    @Test(arguments: [
        ("circle", "CircularProfile"), ("sso", "UnsupportedProfile"), ("lost", "NoSuchProfile"),
        ("process", "UnsupportedProfile"), ("login", "UnsupportedProfile"), ("code", "UnsupportedProfile"),
        ("unknown", "UnsupportedProfile"), ("both", "UnsupportedProfile"),
        ("container", "PartialCredentials"),
        ("alone", "UnsupportedProfile"), ("half", "PartialCredentials"), ("absent", "NoSuchProfile"),
    ])
    func `a profile that cannot work says why`(name: String, code: String) async {
        let error = await failure(profile(name), files: files)
        #expect(error?.code == code)
        #expect(error?.kind == .configuration)
        #expect(error?.description.contains(name) == true)
    }

    // MARK: Instances

    @Test func `an instance gives its role's credentials`() async throws {
        let transport = FakeTransport(
            Response(200, "imdsToken"), Response(200, "my role\n"), Response(200, metadataAnswer))
        #expect(try await find([:], transport) == roleCredentials)
        let base = "http://169.254.169.254/latest"
        #expect(
            transport.requests.map(\.line) == [
                "PUT \(base)/api/token", "GET \(base)/meta-data/iam/security-credentials/",
                "GET \(base)/meta-data/iam/security-credentials/my%20role",
            ])
        #expect(transport.requests[0].field("X-aws-ec2-metadata-token-ttl-seconds") == "21600")
        #expect(transport.requests[1].field("X-aws-ec2-metadata-token") == "imdsToken")
        #expect(transport.requests[2].field("X-aws-ec2-metadata-token") == "imdsToken")
        #expect(transport.timeouts == Array(repeating: .seconds(1), count: 3))
    }

    @Test func `the metadata service can be elsewhere or switched off`() async throws {
        let transport = FakeTransport(Response(200, "t"), Response(200, "r"), Response(200, metadataAnswer))
        _ = try await find(["AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://[fd00:ec2::254]/"], transport)
        #expect(transport.requests.first?.line == "PUT http://[fd00:ec2::254]/latest/api/token")
        #expect(await failure(["AWS_EC2_METADATA_DISABLED": "TRUE"])?.code == "NoCredentials")
        #expect(nobody.requests.isEmpty)
    }

    @Test func `an instance without a role has no credentials, one that fails is an error`() async {
        #expect(await failure([:])?.code == "NoCredentials")
        #expect(await failure([:], FakeTransport(Response(403)))?.code == "NoCredentials")
        #expect(await failure([:], FakeTransport(Response(200, "t"), Response(404)))?.code == "NoCredentials")
        let broken = FakeTransport(Response(200, "t"), Response(200, "r"), Response(500), Response(500))
        #expect(await failure([:], broken)?.kind == .transient)
    }
}

import AWS
import HTTP
import HTTPTesting
import Testing

@Suite struct AWSSettingsTests {
    private let files = [
        "/h/.aws/config":
            "[default]\nregion=r-file\nca_bundle=/file.pem\n[profile p]\nregion=r-p\nendpoint_url=http://p:1\n"
    ]

    @Test func `the region is that of the first place that has one`() throws {
        #expect(try settings().region == nil)
        #expect(try settings(["HOME": "/h"], files: files).region == "r-file")
        #expect(try settings(["HOME": "/h", "AWS_PROFILE": "p"], files: files).region == "r-p")
        #expect(try settings(["HOME": "/h", "AWS_DEFAULT_REGION": "d"], files: files).region == "d")
        #expect(try settings(["HOME": "/h", "AWS_DEFAULT_REGION": "d", "AWS_REGION": "r"], files: files).region == "r")
    }

    @Test func `the certificates are those of the environment or the profile`() throws {
        #expect(try settings(["HOME": "/h"], files: files).caBundle == "/file.pem")
        #expect(try settings(["HOME": "/h", "AWS_CA_BUNDLE": "/e.pem"], files: files).caBundle == "/e.pem")
        #expect(try settings().caBundle == nil)
    }

    @Test func `a profile that was asked for must be there`() throws {
        let error = #expect(throws: AWSError.self) { try settings(["AWS_PROFILE": "x"]) }
        #expect(error?.code == "NoSuchProfile")
        #expect(try settings().profile == "default")
    }

    /// Where a call to STS goes.
    private func host(_ environment: [String: String], files: [String: String] = [:]) async throws -> String? {
        let transport = FakeTransport(assumedRole("AssumeRole"))
        let session = AWSSession(
            settings: try settings(environment, files: files), transport: transport,
            credentials: FixedCredentials(fixedCredentials), clocks: FakeTime().clocks)
        _ = try await STSClient(session).assumeRole(roleARN: "r", sessionName: "s")
        return transport.requests.first?.line
    }

    @Test func `the endpoint is that of the first place that has one`() async throws {
        #expect(try await host([:]) == "POST https://sts.us-east-1.amazonaws.com/")
        #expect(try await host(["AWS_REGION": "cn-north-1"]) == "POST https://sts.cn-north-1.amazonaws.com.cn/")
        #expect(try await host(["AWS_REGION": "us-gov-west-1"]) == "POST https://sts.us-gov-west-1.amazonaws.com/")
        var environment = ["HOME": "/h", "AWS_PROFILE": "p"]
        #expect(
            try await host(environment, files: ["/h/.aws/config": "[profile p]\nendpoint_url=http://p:1"])
                == "POST http://p:1/")
        environment = ["AWS_ENDPOINT_URL": "http://LOCALHOST:4566/"]
        #expect(try await host(environment) == "POST http://localhost:4566/")
        environment["AWS_ENDPOINT_URL_S3"] = "http://s3"
        #expect(try await host(environment) == "POST http://localhost:4566/")
        environment["AWS_ENDPOINT_URL_STS"] = "https://sts:443/base//"
        #expect(try await host(environment) == "POST https://sts/base/")
    }

    @Test(arguments: [
        "localhost:4566", "ftp://a", "http://", "http://u:p@a", "http://a?b", "http://a#b", "http://a b", "://a",
    ])
    func `an endpoint that is no URL is an error`(url: String) async {
        let error = await #expect(throws: AWSError.self) { try await host(["AWS_ENDPOINT_URL": url]) }
        #expect(error?.code == "InvalidEndpoint")
    }

    @Test(arguments: ["eu-west-1.evil.example/", "a b", "a.b"])
    func `a region cannot change the host`(region: String) async {
        let error = await #expect(throws: AWSError.self) { try await host(["AWS_REGION": region]) }
        #expect(error?.code == "InvalidRegion")
    }
}

import HTTP
import HTTPTypes
import NIOSSL
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An authority, another authority, and certificates by the first, made by `openssl` in a directory of their own.
private struct Certificates: ~Copyable {
    let directory: String

    init() throws {
        var template = Array("/tmp/metertap-tls-XXXXXX".utf8CString)
        #expect(mkdtemp(&template) != nil)
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let newKey = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        func sign(_ name: String, days: Int, host: String) -> String {
            "printf 'subjectAltName=\(host)' > \(name).ext && openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key "
                + "-CAcreateserial -days \(days) -extfile \(name).ext -out \(name).pem"
        }
        let script = [
            "cd \(directory)",
            "openssl req -x509 \(newKey) -keyout ca.key -out ca.pem -days 2 -subj '/CN=test authority'",
            "openssl req -x509 \(newKey) -keyout other.key -out other.pem -days 2 -subj '/CN=other authority'",
            "openssl req \(newKey) -keyout server.key -out server.csr -subj '/CN=server'",
            sign("right", days: 2, host: "IP:127.0.0.1"),
            sign("elsewhere", days: 2, host: "DNS:elsewhere.example"),
            sign("expired", days: -1, host: "IP:127.0.0.1"),
        ].joined(separator: " && ")
        try #require(system("(\(script)) >/dev/null 2>&1") == 0, "openssl could not make the certificates")
    }

    deinit { _ = system("rm -r \(directory)") }

    func server(_ name: String) throws -> NIOSSLContext {
        try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: NIOSSLCertificate.fromPEMFile("\(directory)/\(name).pem").map { .certificate($0) },
                privateKey: .privateKey(NIOSSLPrivateKey(file: "\(directory)/server.key", format: .pem))))
    }
}

@Suite struct TLSTests {
    private func exchange(certificate: String, authority: String?) async throws -> Result<Int, TransportError> {
        let certificates = try Certificates()
        let context = try certificates.server(certificate)
        return try await ScriptedServer.run(tls: context, answer: { _, _ in .send(answer("hello")) }) { server in
            let transport = try AsyncHTTPTransport(caBundle: authority.map { "\(certificates.directory)/\($0).pem" })
            let result: Result<Int, TransportError>
            do throws(TransportError) {
                let head = HTTPRequest(method: .get, scheme: "https", authority: "127.0.0.1:\(server.port)", path: "/")
                result = .success(try await transport.send(Request(head: head), timeout: .seconds(60)).status)
            } catch {
                result = .failure(error)
            }
            await transport.shutdown()
            return result
        }
    }

    @Test func `a certificate of the given authority is trusted`() async throws {
        #expect(try await exchange(certificate: "right", authority: "ca").get() == 200)
    }

    @Test(
        arguments: [
            ("right", nil, "not trusted"), ("right", "other", "not trusted"), ("expired", "ca", "expired"),
            ("elsewhere", "ca", "another host name"),
        ] as [(String, String?, String)])
    func `any other certificate is refused with a reason`(
        certificate: String, authority: String?, reason: String
    ) async throws {
        let result = try await exchange(certificate: certificate, authority: authority)
        let error = #expect(throws: TransportError.self) { try result.get() }
        #expect(error?.code == .tls)
        #expect(error?.description.contains(reason) == true)
    }

    @Test func `a server without TLS is a broken connection`() async throws {
        try await ScriptedServer.run(answer: { _, _ in .nothing }) { server in
            let transport = try AsyncHTTPTransport()
            let head = HTTPRequest(method: .get, scheme: "https", authority: "127.0.0.1:\(server.port)", path: "/")
            let error = await #expect(throws: TransportError.self) {
                try await transport.send(Request(head: head), timeout: .seconds(60))
            }
            await transport.shutdown()
            #expect(error?.code == .connection)
        }
    }

    @Test func `a bundle that is not there is named`() throws {
        let error = #expect(throws: TransportError.self) { try AsyncHTTPTransport(caBundle: "/nowhere/ca.pem") }
        #expect(error?.code == .tls)
        #expect(error?.description.contains("/nowhere/ca.pem") == true)
    }
}

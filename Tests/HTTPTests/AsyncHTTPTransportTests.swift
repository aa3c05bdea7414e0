import HTTP
import HTTPTypes
import Testing

@Suite struct AsyncHTTPTransportTests {
    private func withTransport<Result>(
        maximumResponseBytes: Int = 1 << 20, _ body: (AsyncHTTPTransport) async throws -> Result
    ) async throws -> Result {
        let transport = try AsyncHTTPTransport(maximumResponseBytes: maximumResponseBytes)
        do {
            let result = try await body(transport)
            await transport.shutdown()
            return result
        } catch {
            await transport.shutdown()
            throw error
        }
    }

    private func request(
        _ port: Int, _ path: String, method: HTTPRequest.Method = .get, fields: HTTPFields = [:], body: String = ""
    ) -> Request {
        Request(
            head: HTTPRequest(
                method: method, scheme: "http", authority: "127.0.0.1:\(port)", path: path, headerFields: fields),
            body: Array(body.utf8))
    }

    private func failure(
        timeout: Duration = .seconds(60), maximumResponseBytes: Int = 1 << 20, path: String = "/p?secret=s3cr3t",
        _ answer: ScriptedServer.Answer
    ) async throws -> TransportError? {
        try await ScriptedServer.run(answer: { _, _ in answer }) { server in
            try await withTransport(maximumResponseBytes: maximumResponseBytes) { transport in
                do throws(TransportError) {
                    _ = try await transport.send(
                        request(server.port, path, fields: [.authorization: "s3cr3t"], body: "s3cr3t"), timeout: timeout
                    )
                    return nil
                } catch {
                    #expect(!error.description.contains("s3cr3t"))
                    return error
                }
            }
        }
    }

    @Test(arguments: [
        "/", "/a%20b", "/a%2Bb+c", "/a//b", "//a", "/a/../b/./c", "/..", "/%2E%2e/%e2%82%AC", "/a%2Fb%3Fc%23d",
        "/k=v;w,x!$&'()*@:~-._", "/bucket?list-type=2&prefix=a%2Fb%20c&x", "/p?", "/p?a=%2B+b&&=c?d/e", "/%25%2525",
    ])
    func `the path goes out byte for byte`(path: String) async throws {
        let line = try await ScriptedServer.run(answer: { _, _ in .send(answer("")) }) { server in
            try await withTransport { transport in
                _ = try await transport.send(request(server.port, path), timeout: .seconds(60))
                return server.received.first?.split(separator: "\r\n").first.map(String.init)
            }
        }
        #expect(line == "GET \(path) HTTP/1.1")
    }

    @Test(arguments: ["", "a", "/a b", "/ü", "/%", "/%2", "/%zz", "/a#b", "/[a]", "/a\"b", "/a\r\nHost: x"])
    func `a path that would be altered is refused`(path: String) async throws {
        let error = try await failure(path: path, .send(answer("")))
        #expect(error?.code == .invalidRequest)
    }

    @Test func `method, fields and body arrive, and so does the answer`() async throws {
        let script: @Sendable (String, Int) -> ScriptedServer.Answer = { _, _ in
            .send(answer("<gone/>", status: "410 Gone", fields: "X-Two: 1\r\nX-Two: 2\r\nLocation: /elsewhere\r\n"))
        }
        try await ScriptedServer.run(answer: script) { server in
            let response = try await withTransport { transport in
                try await transport.send(
                    request(server.port, "/x", method: .put, fields: [.contentType: "text/plain"], body: "hello"),
                    timeout: .seconds(60))
            }
            #expect(response.status == 410)
            #expect(response.body == Array("<gone/>".utf8))
            #expect(response.head.headerFields[values: try #require(HTTPField.Name("x-two"))] == ["1", "2"])
            let received = try #require(server.received.first)
            #expect(received.hasPrefix("PUT /x HTTP/1.1\r\n"))
            #expect(received.contains("Host: 127.0.0.1:\(server.port)\r\n"))
            #expect(received.contains("\r\nContent-Type: text/plain\r\n"))
            #expect(received.hasSuffix("\r\n\r\nhello"))
        }
    }

    @Test func `a redirect is an answer like any other`() async throws {
        let script: @Sendable (String, Int) -> ScriptedServer.Answer = { _, _ in
            .send(answer("", status: "301 Moved", fields: "Location: http://127.0.0.1:1/\r\n"))
        }
        try await ScriptedServer.run(answer: script) { server in
            let response = try await withTransport {
                try await $0.send(request(server.port, "/"), timeout: .seconds(60))
            }
            #expect(response.status == 301)
            #expect(server.received.count == 1)
        }
    }

    @Test func `a head answer has a length and no body`() async throws {
        let script: @Sendable (String, Int) -> ScriptedServer.Answer = { _, _ in
            .send("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
        }
        try await ScriptedServer.run(answer: script) { server in
            let response = try await withTransport {
                try await $0.send(request(server.port, "/", method: .head), timeout: .seconds(60))
            }
            #expect(response.head.headerFields[.contentLength] == "1234")
            #expect(response.body.isEmpty)
        }
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le", "",
    ])
    func `a response that breaks off is a broken connection`(text: String) async throws {
        let error = try await failure(.sendAndClose(text))
        #expect(error?.code == .connection)
    }

    @Test(arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"])
    func `the timeout covers the head and the body`(text: String) async throws {
        let error = try await failure(timeout: .milliseconds(50), text.isEmpty ? .nothing : .send(text))
        #expect(error?.code == .timeout)
    }

    @Test(arguments: [answer("12345"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n"])
    func `a body over the limit is refused`(text: String) async throws {
        #expect(try await failure(maximumResponseBytes: 4, .send(text))?.code == .responseTooLarge)
        #expect(try await failure(maximumResponseBytes: 5, .send(text)) == nil)
    }

    @Test func `nobody listening is a connection error at once`() async throws {
        let port = try await ScriptedServer.run(answer: { _, _ in .nothing }) { $0.port }
        // Were connections tried again, the timeout would come first.
        let transport = try AsyncHTTPTransport(connectTimeout: .seconds(3600))
        let error = await #expect(throws: TransportError.self) {
            try await transport.send(request(port, "/"), timeout: .seconds(10))
        }
        await transport.shutdown()
        #expect(error?.code == .connection)
    }

    @Test func `what is compressed stays so, and a timeout of years is none`() async throws {
        let script: @Sendable (String, Int) -> ScriptedServer.Answer = { _, _ in
            .send(answer("no gzip", fields: "Content-Encoding: gzip\r\n"))
        }
        try await ScriptedServer.run(answer: script) { server in
            let response = try await withTransport {
                try await $0.send(request(server.port, "/"), timeout: .seconds(315_360_000))
            }
            #expect(response.body == Array("no gzip".utf8))
        }
    }

    @Test func `cancelling the task cancels the request`() async throws {
        try await ScriptedServer.run(answer: { _, _ in .nothing }) { server in
            try await withTransport { transport in
                let request = request(server.port, "/")
                let code = await withTaskGroup(of: TransportError.Code?.self) { group in
                    group.addTask {
                        do throws(TransportError) {
                            _ = try await transport.send(request, timeout: .seconds(60))
                            return nil
                        } catch { return error.code }
                    }
                    group.cancelAll()
                    return await group.next() ?? nil
                }
                #expect(code == .cancelled)
            }
        }
    }
}

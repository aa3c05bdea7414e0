package import HTTPTypes
package import Hummingbird
import MeterLine
import NIOHTTP1
import Store

/// An answer that is no success: a status and a sentence for people.
package struct APIError: Error {
    package var status: HTTPResponse.Status
    package var message: String
    package var headers: HTTPFields = [:]

    package init(_ status: HTTPResponse.Status, _ message: String, headers: HTTPFields = [:]) {
        self.status = status
        self.message = message
        self.headers = headers
    }

    /// The answer to an error of any kind; what nobody foresaw says nothing of its cause.
    package init(_ error: any Error) {
        switch error {
        case let error as APIError: self = error
        case let error as StoreError: self.init(error)
        case let error as HTTPError: self.init(error)
        case is HTTPParserError:
            self.init(
                .badRequest,
                "the body ended early or its framing is not HTTP, so nothing of it was stored; send the request again",
                headers: [.connection: "close"])
        case let error as any HTTPResponseError: self.init(error.status, error.status.reasonPhrase)
        default: self.init(.internalServerError, "something went wrong here; the server's log says what")
        }
    }

    private init(_ error: HTTPError) {
        let message =
            switch error.status {
            case .notFound: "there is nothing at this path; /openapi.yaml lists the paths"
            case .contentTooLarge: "the request is too large"
            default: error.body ?? error.status.reasonPhrase
            }
        self.init(error.status, message, headers: error.headers)
    }

    private init(_ error: StoreError) {
        switch error.kind {
        case .invalid: self.init(.badRequest, error.description)
        case .conflict: self.init(.conflict, error.description)
        case .notFound: self.init(.notFound, error.description)
        case .overflow, .pastRetention: self.init(.unprocessableContent, error.description)
        case .unavailable: self.init(.serviceUnavailable, error.description, headers: [.retryAfter: "5"])
        case .incompatible, .damaged, .failed:
            self.init(.internalServerError, "the database failed; the server's log says how, and nothing was stored")
        }
    }

    /// The answer in JSON.
    package var response: Response {
        var output: [UInt8] = []
        var object = JSONObjectWriter(&output)
        object.member("errorMessage", message, &output)
        object.end(&output)
        var response = Response.json(output, status: status)
        for field in headers { response.headers[field.name] = field.value }
        return response
    }

    /// Whether somebody who answers for the server must look at it.
    package var isOurs: Bool { status.code == 500 }
}

extension Response {
    /// An answer of JSON that is at hand.
    static func json(_ bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// An answer of text.
    package static func text(_ text: String, type: String = "text/plain; charset=utf-8") -> Response {
        Response(
            status: .ok, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}

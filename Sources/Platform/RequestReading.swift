import AWS
import FoundationEssentials
import Gzip
import HTTPTypes
package import Hummingbird
import MeterLine
import NIOCore

/// Reads what a request asks for, and says clearly what is wrong with it.
package struct QueryReader: Sendable {
    package let parameters: [(name: String, value: String)]

    package init(_ request: Request) {
        self.init(query: request.uri.query ?? "")
    }

    /// Reads a query, or the body of a form, in which a plus sign may stand for a space (WHATWG URL, section 5).
    package init(query: String) {
        parameters = query.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { part in
                String(decoding: PercentEncoding.decode(part, plusIsSpace: true), as: UTF8.self)
            }
            return (parts[0], parts.count > 1 ? parts[1] : "")
        }
    }

    /// All parameters whose names begin so, without that beginning.
    package func texts(beginning prefix: String) -> [(name: String, value: String)] {
        parameters.filter { $0.name.hasPrefix(prefix) }.map { (String($0.name.dropFirst(prefix.count)), $0.value) }
    }

    package func text(_ name: String) -> String? {
        parameters.last { $0.name == name }?.value
    }

    /// The values of a parameter that may be given more than once.
    package func texts(_ name: String) -> [String] {
        parameters.filter { $0.name == name }.map(\.value)
    }

    package func required(_ name: String) throws(APIError) -> String {
        guard let text = text(name), !text.isEmpty else {
            throw APIError(.badRequest, "the parameter \(name) is missing")
        }
        return text
    }

    package func int(_ name: String, in range: ClosedRange<Int64>) throws(APIError) -> Int64? {
        guard let text = text(name) else { return nil }
        guard let number = Int64(text), range.contains(number) else {
            throw APIError(
                .badRequest, "\(name) is no whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    package func bool(_ name: String) throws(APIError) -> Bool? {
        switch text(name) {
        case nil: return nil
        case "true": return true
        case "false": return false
        default: throw APIError(.badRequest, "\(name) is neither true nor false")
        }
    }

    /// A choice of names.
    package func choice<Value: RawRepresentable & CaseIterable>(
        _ name: String, _: Value.Type
    ) throws(APIError) -> Value? where Value.RawValue == String {
        guard let text = text(name) else { return nil }
        guard let value = Value(rawValue: text) else {
            let names = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw APIError(.badRequest, "\(name) is none of \(names)")
        }
        return value
    }
}

package enum RequestBodies {
    /// The largest body as it is sent.
    static let maximumBytes = 10 << 20
    /// The largest body once it is inflated.
    static let maximumInflatedBytes = 64 << 20
    /// The largest body of everything but records.
    package static let maximumJSONBytes = 1 << 20

    /// The bytes of a request's body, inflated.
    ///
    /// - Parameter maximumInflated: the most bytes once they are inflated; nil for no more than may be sent.
    package static func bytes(
        of request: Request, maximum: Int, maximumInflated: Int? = nil
    ) async throws -> [UInt8] {
        let buffer: ByteBuffer
        do {
            buffer = try await request.body.collect(upTo: maximum)
        } catch is NIOTooManyBytesError {
            throw APIError(
                .contentTooLarge, "the body is larger than \(maximum >> 20) MiB; send it in several requests")
        }
        switch request.headers[.contentEncoding]?.lowercased() {
        case nil, "", "identity": return [UInt8](buffer: buffer)
        case "gzip": return try inflated(buffer, limit: maximumInflated ?? maximum)
        case let encoding?:
            throw APIError(
                .unsupportedMediaType, "the content encoding \(encoding) is not read; send gzip, or nothing",
                headers: [.acceptEncoding: "gzip"])
        }
    }

    private static func inflated(_ buffer: ByteBuffer, limit: Int) throws(APIError) -> [UInt8] {
        let bytes = [UInt8](buffer: buffer)
        do throws(GzipError) {
            return try Gunzip.array(of: bytes.span, limit: limit)
        } catch {
            switch error {
            case .overLimit:
                throw APIError(.contentTooLarge, "the body inflates to more than \(limit >> 20) MiB")
            case .damaged:
                throw APIError(.badRequest, "the body is no gzip data, or is cut off")
            }
        }
    }

    /// Reads a body of JSON.
    ///
    /// - Throws: `APIError`: 400 when it isn't JSON, when it has a member that isn't known or appears twice, or when a
    ///   member is missing or of the wrong type.
    static func decode<Value: RequestBody>(
        _: Value.Type, from request: Request, maximum: Int = maximumJSONBytes
    ) async throws -> Value {
        try decode(Value.self, from: try await bytes(of: request, maximum: maximum))
    }

    /// Reads JSON, as from a request.
    static func decode<Value: RequestBody>(_: Value.Type, from bytes: [UInt8]) throws -> Value {
        try check(bytes, Value.members)
        do {
            return try JSONDecoder().decode(Value.self, from: Data(bytes))
        } catch let error as DecodingError {
            throw APIError(.badRequest, explain(error))
        }
    }

    private static func check(_ bytes: [UInt8], _ members: KnownMembers) throws(APIError) {
        if case .anything = members { return }
        let stray: KnownMembers.Stray?
        do throws(KnownMembers.Unreadable) {
            stray = try members.stray(in: bytes.span)
        } catch {
            throw APIError(.badRequest, "the body is no JSON in UTF-8, or is nested deeper than 16 levels")
        }
        guard let stray else { return }
        guard let known = stray.known else { throw KnownNames.repeated("member", stray.name, in: stray.path) }
        throw KnownNames.unknown("member", stray.name, in: stray.path, known: known)
    }

    private static func explain(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, let context):
            "\(path(context.codingPath + [key])) is missing"
        case .valueNotFound(_, let context):
            "\(path(context.codingPath)) is null"
        case .typeMismatch(_, let context):
            "\(path(context.codingPath)) has the wrong type"
        case .dataCorrupted(let context):
            context.codingPath.isEmpty ? "the body is no JSON" : "\(path(context.codingPath)) is not valid"
        @unknown default: "the body cannot be read"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        guard !keys.isEmpty else { return "the body" }
        return keys.map { key in key.intValue.map { "[\($0)]" } ?? key.stringValue }.joined(separator: ".")
    }
}

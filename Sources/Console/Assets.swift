import HTTPTypes
import Hummingbird
import NIOCore
import Platform

/// The style, the script and the icon; their addresses change with what they hold, so that a browser may keep them.
enum Assets {
    static let style = address("console.css", PackageResources.console_css)
    static let script = address("console.js", PackageResources.console_js)
    static let icon = address("icon.svg", PackageResources.icon_svg)

    static var routes: [Route] {
        [
            route("console.css", PackageResources.console_css, "text/css; charset=utf-8"),
            route("console.js", PackageResources.console_js, "text/javascript; charset=utf-8"),
            route("icon.svg", PackageResources.icon_svg, "image/svg+xml"),
        ]
    }

    private static func address(_ name: String, _ bytes: [UInt8]) -> String {
        let hash = KeyRing.hash(String(decoding: bytes, as: UTF8.self)).prefix(6)
        let version = hash.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return "\(Console.root)/assets/\(name)?\(version)"
    }

    private static func route(_ name: String, _ bytes: [UInt8], _ type: String) -> Route {
        Route(.get, "\(Console.root)/assets/\(name)", nil, parameters: nil) { _, _ in
            Response(
                status: .ok,
                headers: [.contentType: type, .cacheControl: "public, max-age=31536000, immutable"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
        }
    }
}

import MeterLine
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The published suite of JSON documents (nst/JSONTestSuite), read where it is.
enum JSONSuite {
    static let documents: [(name: String, bytes: [UInt8])] = {
        guard let folder = SharedData.folder("json-test-suite/test_parsing"),
            let names = try? FileManager.default.contentsOfDirectory(atPath: folder)
        else { return [] }
        return names.sorted().compactMap { name in
            FileManager.default.contents(atPath: "\(folder)/\(name)").map { (name, Array($0)) }
        }
    }()

    /// What we do where the suite leaves the choice: strings must be UTF-8 and hold no half of a surrogate pair, a byte
    /// order mark is no JSON, numbers are taken whatever their size, nesting ends at 16.
    static func accepts(choice name: String) -> Bool { name.hasPrefix("i_number_") }
}

/// The published test data that lies beside every checkout.
enum SharedData {
    static func folder(_ path: String) -> String? {
        let root =
            ProcessInfo.processInfo.environment["METERTAP_SHARED"]
            ?? #filePath.split(separator: "/").dropLast(4).reduce("") { "\($0)/\($1)" } + "/shared"
        let folder = "\(root)/data/\(path)"
        return FileManager.default.fileExists(atPath: folder) ? folder : nil
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        let parts = path.split(separator: "/")
        let folder = try #require(Self.folder(parts.dropLast().joined(separator: "/")))
        return Array(try #require(FileManager.default.contents(atPath: "\(folder)/\(parts.last ?? "")")))
    }
}

@Suite("The published JSON suite")
struct JSONSuiteTests {
    @Test("is read as it demands", .enabled(if: !JSONSuite.documents.isEmpty, "left out: ../shared/data is not there"))
    func suite() {
        #expect(JSONSuite.documents.count == 318)
        for (name, bytes) in JSONSuite.documents {
            let isAccepted = isDocument(bytes)
            switch name.first {
            case "y": #expect(isAccepted, "\(name) must be accepted")
            case "n": #expect(!isAccepted, "\(name) must be refused")
            default: #expect(isAccepted == JSONSuite.accepts(choice: name), "\(name) is our choice")
            }
        }
    }

    @Test("nesting is read to 16 levels and not further")
    func nesting() {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(isDocument(nested(16)))
        #expect(!isDocument(nested(17)))
        #expect(!isDocument(nested(100_000)))
    }

    private func isDocument(_ bytes: [UInt8]) -> Bool { JSON.isDocument(bytes.span) }
}

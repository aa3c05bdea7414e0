import ArgumentParser
import FoundationEssentials
import SystemPackage

/// A file that is read whole.
enum InputFile {
    static func read(_ path: String) throws -> [UInt8] {
        do {
            let data = path == "-" ? try readToEnd() : Array(try Data(contentsOf: URL(filePath: path)))
            return data
        } catch {
            throw Failure(message: "\(path) cannot be read", code: .inputOutput)
        }
    }

    private static func readToEnd() throws -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = try unsafe chunk.withUnsafeMutableBytes {
                try unsafe FileDescriptor.standardInput.read(into: $0)
            }
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: chunk.prefix(count))
        }
    }
}

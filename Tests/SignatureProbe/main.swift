import AWS
import FoundationEssentials
import HTTP
import HTTPTypes

// Reads one request per line from the standard input and writes its `Authorization` field, one per line.
// integration/test_signatures.py compares these with botocore's. With the argument `calls` it makes every call instead,
// with `settings` it tells what settings lead to.

struct Line: Decodable {
    var method: String
    var authority: String
    var path: String
    var headers: [[String]]
    /// In base 64.
    var body: Data
    var service: String
    var region: String
    var accessKeyID: String
    var secretAccessKey: String
    var sessionToken: String?
    /// Seconds since 1970.
    var time: Int64
}

struct BadLine: Error {}

switch CommandLine.arguments.dropFirst().first {
case "calls": try await Calls.makeAll()
case "settings": try await ProbedSettings.answerAll()
default: break
}

while let text = readLine() {
    let line = try JSONDecoder().decode(Line.self, from: Data(text.utf8))
    guard let method = HTTPRequest.Method(line.method) else { throw BadLine() }
    var request = Request(
        head: HTTPRequest(method: method, scheme: "https", authority: line.authority, path: line.path),
        body: Array(line.body))
    for header in line.headers {
        guard header.count == 2, let name = HTTPField.Name(header[0]) else { throw BadLine() }
        request.head.headerFields.append(HTTPField(name: name, value: header[1]))
    }
    let signed = SigV4Signer(service: line.service, region: line.region).sign(
        request,
        credentials: Credentials(
            accessKeyID: line.accessKeyID, secretAccessKey: line.secretAccessKey, sessionToken: line.sessionToken),
        at: UnixTime(seconds: line.time))
    print(signed.head.headerFields[.authorization] ?? "")
}

// spdlog: its usual pattern, colours, and the pattern for JSON that many use, which escapes nothing.

#include <fstream>
#include <iostream>
#include <map>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <string>

int main(int, char **arguments) {
    const std::string name = arguments[1];
    const std::map<std::string, std::string> patterns = {
        {"default", "%+"},
        {"colours", "%+"},
        {"colours-all", "%^[%T] %l: %v%$"},
        {"json", R"({"time":"%Y-%m-%dT%T","level":"%l","message":"%v"})"},
    };
    using spdlog::color_mode;
    const auto colours = name.rfind("colours", 0) == 0 ? color_mode::always : color_mode::never;
    const auto log = spdlog::stdout_color_st("billing", colours);
    log->set_pattern(patterns.at(name));

    std::ifstream records(arguments[2]);
    for (std::string json; std::getline(records, json);) {
        log->info("amberflo_meter: {}", json);
        log->flush();
        std::cout << "\x1e\n" << std::flush;
    }
}

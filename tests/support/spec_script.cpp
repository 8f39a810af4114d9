#include "tests/support/spec_script.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/support/skip.hpp"

namespace millrace::test {

namespace json = boost::json;

namespace {

Bytes read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    REQUIRE_MESSAGE(in.good(), "cannot read " << path.string());
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string text_of(const json::object& from, const char* key) {
    const json::value* found = from.if_contains(key);
    return found != nullptr && found->is_string() ? std::string{found->as_string()} : std::string{};
}

std::vector<SpecValue> values_of(const json::object& from, const char* key) {
    std::vector<SpecValue> out;
    const json::value* found = from.if_contains(key);
    if (found == nullptr) return out;
    for (const json::value& item : found->as_array())
        out.push_back({text_of(item.as_object(), "type"), text_of(item.as_object(), "value")});
    return out;
}

SpecCommand command_of(const json::object& from) {
    SpecCommand out;
    out.type = text_of(from, "type");
    out.line = from.at("line").as_int64();
    out.filename = text_of(from, "filename");
    out.is_text_format = text_of(from, "module_type") == "text";
    out.text = text_of(from, "text");
    out.name = text_of(from, "name");
    out.as = text_of(from, "as");
    out.expected = values_of(from, "expected");
    if (const json::value* action = from.if_contains("action")) {
        const json::object& fields = action->as_object();
        out.action = SpecAction{text_of(fields, "type") == "invoke", text_of(fields, "module"),
                                text_of(fields, "field"), values_of(fields, "args")};
    }
    return out;
}

}  // namespace

Bytes SpecScript::module_bytes(const SpecCommand& command) const {
    return read_file(folder / command.filename);
}

std::optional<std::filesystem::path> vectors_folder(const char* test_name) {
    if (const char* folder = std::getenv("MILLRACE_VECTORS"); folder != nullptr && *folder != '\0')
        return std::filesystem::path{folder};
    skip_case(std::string(test_name) + " (MILLRACE_VECTORS is not set)");
    return std::nullopt;
}

std::vector<SpecScript> read_core_scripts(const std::filesystem::path& vectors) {
    std::vector<SpecScript> scripts;
    for (const auto& entry : std::filesystem::directory_iterator(vectors / "wasm-spec" / "json")) {
        SpecScript script;
        script.name = entry.path().filename().string();
        if (!entry.is_directory() || script.name == "simd") continue;
        script.folder = entry.path();
        const Bytes raw = read_file(script.folder / (script.name + ".json"));
        const json::value parsed = json::parse(as_text(raw));
        for (const json::value& command : parsed.as_object().at("commands").as_array())
            script.commands.push_back(command_of(command.as_object()));
        scripts.push_back(std::move(script));
    }
    std::sort(scripts.begin(), scripts.end(),
              [](const SpecScript& a, const SpecScript& b) { return a.name < b.name; });
    return scripts;
}

}  // namespace millrace::test

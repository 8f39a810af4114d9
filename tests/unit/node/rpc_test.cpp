#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "node/blobs/blob_file.hpp"
#include "node/rpc/answer_budget.hpp"
#include "node/rpc/dispatch.hpp"
#include "node/rpc/server_http.hpp"

namespace millrace::node::rpc {
namespace {

struct EchoParams {
    std::uint32_t number = 0;
    std::optional<std::uint32_t> extra;
};
BOOST_DESCRIBE_STRUCT(EchoParams, (), (number, extra))
struct EchoResult {
    std::uint64_t doubled = 0;
};
BOOST_DESCRIBE_STRUCT(EchoResult, (), (doubled))
struct LongResult {
    std::string text;
};
BOOST_DESCRIBE_STRUCT(LongResult, (), (text))

MethodTable make_table() {
    MethodTable table;
    table.add<EchoParams>("test_double", "Twice the number.", boost::json::object{{"number", 2}},
                          [](const EchoParams& p) -> Result<EchoResult, RpcError> {
                              if (p.number == 13)
                                  return Err{RpcError{RpcCode::not_found, "no such number"}};
                              if (p.number == 14) throw std::runtime_error("broken");
                              return EchoResult{2ULL * p.number + p.extra.value_or(0)};
                          });
    return table;
}

int code_of(std::string_view answer) {
    const auto parsed = boost::json::parse(answer);
    const auto& object =
        parsed.is_array() ? parsed.as_array().at(0).as_object() : parsed.as_object();
    if (!object.contains("error")) return 0;
    CHECK_FALSE(object.at("error").at("message").as_string().empty());
    return static_cast<int>(object.at("error").at("code").as_int64());
}

}  // namespace

TEST_SUITE("node/rpc") {
    TEST_CASE("each kind of bad request has its code and a sentence") {
        const MethodTable table = make_table();
        const DispatchLimits limits{.batch_max = 3, .depth_max = 8, .response_bytes_max = 4096};
        struct Row {
            const char* name;
            std::string request;
            int expected;
        };
        const std::vector<Row> rows = {
            {"by name", R"({"jsonrpc":"2.0","id":1,"method":"test_double","params":{"number":4}})",
             0},
            {"by position", R"({"jsonrpc":"2.0","id":1,"method":"test_double","params":[4,1]})", 0},
            {"empty text", "", -32700},
            {"not JSON", "{\"jsonrpc\":", -32700},
            {"two documents", "{} {}", -32700},
            {"invalid UTF-8", "{\"jsonrpc\":\"\xff\"}", -32700},
            {"too deep", "[[[[[[[[[[[[]]]]]]]]]]]]", -32600},
            {"a number", "5", -32600},
            {"an empty batch", "[]", -32600},
            {"a long batch", "[1,2,3,4]", -32600},
            {"no version", R"({"id":1,"method":"test_double"})", -32600},
            {"an object as id", R"({"jsonrpc":"2.0","id":{},"method":"test_double"})", -32600},
            {"unknown method", R"({"jsonrpc":"2.0","id":1,"method":"nope"})", -32601},
            {"missing parameter", R"({"jsonrpc":"2.0","id":1,"method":"test_double"})", -32602},
            {"wrong type", R"({"jsonrpc":"2.0","id":1,"method":"test_double","params":["x"]})",
             -32602},
            {"negative", R"({"jsonrpc":"2.0","id":1,"method":"test_double","params":[-1]})",
             -32602},
            {"a fraction", R"({"jsonrpc":"2.0","id":1,"method":"test_double","params":[1.5]})",
             -32602},
            {"too large",
             R"({"jsonrpc":"2.0","id":1,"method":"test_double","params":[4294967296]})", -32602},
            {"huge", R"({"jsonrpc":"2.0","id":1,"method":"test_double","params":[1e999]})", -32602},
            {"too many", R"({"jsonrpc":"2.0","id":1,"method":"test_double","params":[1,2,3]})",
             -32602},
            {"unknown name",
             R"({"jsonrpc":"2.0","id":1,"method":"test_double","params":{"number":1,"x":1}})",
             -32602},
            {"handler's error", R"({"jsonrpc":"2.0","id":1,"method":"test_double","params":[13]})",
             -32001},
            {"handler throws", R"({"jsonrpc":"2.0","id":1,"method":"test_double","params":[14]})",
             -32603},
        };
        for (const Row& row : rows) {
            CAPTURE(row.name);
            CHECK(code_of(dispatch(table, limits, row.request)) == row.expected);
        }
    }

    TEST_CASE("a batch is answered in order, and notifications are not answered") {
        const MethodTable table = make_table();
        const std::string answer =
            dispatch(table, {},
                     R"([{"jsonrpc":"2.0","id":"a","method":"test_double","params":[1]},)"
                     R"({"jsonrpc":"2.0","method":"test_double","params":[2]},)"
                     R"({"jsonrpc":"2.0","id":"b","method":"test_double","params":[3]}])");
        const auto parsed = boost::json::parse(answer).as_array();
        REQUIRE(parsed.size() == 2);
        CHECK(parsed[0].at("id") == "a");
        CHECK(parsed[1].at("result").at("doubled") == 6);
        CHECK(dispatch(table, {}, R"({"jsonrpc":"2.0","method":"test_double","params":[2]})")
                  .empty());
    }

    TEST_CASE("a stop begins no further call of a batch, and each is told so") {
        MethodTable table = make_table();
        std::atomic<bool> is_stopping = false;
        table.add<EchoParams>("test_stop", "Stops.", boost::json::object{{"number", 1}},
                              [&](const EchoParams&) -> Result<EchoResult, RpcError> {
                                  is_stopping = true;
                                  return EchoResult{5};
                              });
        const Request request =
            read_request(table, {},
                         R"([{"jsonrpc":"2.0","id":1,"method":"test_double","params":[1]},)"
                         R"({"jsonrpc":"2.0","id":2,"method":"test_stop","params":[1]},)"
                         R"({"jsonrpc":"2.0","method":"test_double","params":[1]},)"
                         R"({"jsonrpc":"2.0","id":3,"method":"test_double","params":[1]}])");
        const auto parsed =
            boost::json::parse(answer(table, {}, {}, request, &is_stopping)).as_array();
        REQUIRE(parsed.size() == 3);
        CHECK(parsed[0].at("result").at("doubled") == 2);
        CHECK(parsed[1].at("result").at("doubled") == 5);
        CHECK(parsed[2].at("id") == 3);
        CHECK(parsed[2].at("error").at("code") == -32005);
    }

    TEST_CASE("answers share so many bytes, and what is refused is told to each call") {
        AnswerBudget budget(100, 100);
        {
            auto first = budget.take(60);
            REQUIRE(first.has_value());
            CHECK_FALSE(budget.take(41).has_value());
            first->resize(10);
            auto second = budget.take(90);
            CHECK(second.has_value());
            CHECK_FALSE(budget.take(1).has_value());
            const auto small = budget.add(5);
            CHECK(budget.used() == 105);
            // A share that moves counts once.
            const AnswerBudget::Share moved = *std::move(first);
            CHECK(budget.used() == 105);
        }
        CHECK(budget.used() == 0);
        CHECK_FALSE(budget.take(101).has_value());

        const MethodTable table = make_table();
        const RpcError busy{RpcCode::not_available, "later"};
        const std::string call = R"({"jsonrpc":"2.0","id":7,"method":"test_double","params":[1]})";
        const std::string notice = R"({"jsonrpc":"2.0","method":"test_double","params":[1]})";
        const auto one = boost::json::parse(refuse(read_request(table, {}, call), busy));
        CHECK(one.at("id") == 7);
        CHECK(one.at("error").at("code") == -32005);
        CHECK(refuse(read_request(table, {}, notice), busy).empty());
        const auto batch = boost::json::parse(
            refuse(read_request(table, {}, "[" + call + "," + notice + "," + call + "]"), busy));
        REQUIRE(batch.as_array().size() == 2);
        CHECK(batch.as_array()[1].at("error").at("code") == -32005);
        CHECK(code_of(refuse(read_request(table, {}, "["), busy)) == -32700);
    }

    TEST_CASE("one client's answers never take what is there for the others") {
        AnswerBudget budget(100, 40);
        {
            auto first = budget.take_of("a", 30);
            REQUIRE(first.has_value());
            CHECK_FALSE(budget.take_of("a", 11).has_value());
            CHECK_FALSE(budget.take_of("b", 41).has_value());
            const auto other = budget.take_of("b", 40);
            CHECK(other.has_value());
            // What turned out to be shorter leaves room, what is longer takes it.
            first->resize(20);
            auto second = budget.take_of("a", 20);
            REQUIRE(second.has_value());
            CHECK_FALSE(budget.take_of("a", 1).has_value());
            second->resize(25);
            CHECK(budget.used() == 85);
            // All together have their bound as before.
            CHECK_FALSE(budget.take_of("c", 16).has_value());
            CHECK_FALSE(budget.take(16).has_value());
            const auto exempt = budget.take(15);
            CHECK(exempt.has_value());
            // A share that moves counts once, and an empty one is given back, too.
            const AnswerBudget::Share moved = *std::move(first);
            second->resize(0);
            CHECK(budget.used() == 75);
            CHECK_FALSE(budget.take_of("a", 21).has_value());
        }
        CHECK(budget.used() == 0);
        CHECK(budget.take_of("a", 40).has_value());
        CHECK(budget.used() == 0);
    }

    TEST_CASE("what every answer repeats of a call is an id of at most 256 bytes, or none") {
        const MethodTable table = make_table();
        const auto text = [](std::size_t size, char byte) {
            return boost::json::serialize(boost::json::string(size, byte));
        };
        struct Row {
            const char* name;
            std::string id;
            bool is_valid;
        };
        const std::vector<Row> rows = {
            {"a number", "-7", true},
            {"null", "null", true},
            {"text", "\"a\"", true},
            {"the longest text", text(kIdBytesMax - 2, 'x'), true},
            {"a longer text", text(kIdBytesMax - 1, 'x'), false},
            {"text that grows when it is written", text(kIdBytesMax / 2, '\n'), false},
            {"megabytes", text(1U << 20U, 'x'), false},
            {"a fraction", "1.5", false},
            {"an object", R"({"a":1})", false},
            {"a list", "[1]", false},
            {"a truth", "true", false},
        };
        const DispatchLimits small{.response_bytes_max = 10};
        for (const Row& row : rows) {
            CAPTURE(row.name);
            const std::string call =
                R"({"jsonrpc":"2.0","method":"test_double","params":[1],"id":)" + row.id + "}";
            const boost::json::value id =
                row.is_valid ? boost::json::parse(row.id) : boost::json::value(nullptr);
            const auto check = [&](std::string_view got, int code) {
                CHECK(code_of(got) == (row.is_valid ? code : -32600));
                const auto parsed = boost::json::parse(got);
                CHECK((parsed.is_array() ? parsed.as_array().back() : parsed).at("id") == id);
                CHECK(got.size() < 1'024);
            };
            check(dispatch(table, {}, call), 0);
            check(dispatch(table, small, call), -32004);
            // The last of a batch, when the first has used up what there is.
            const std::string first =
                R"({"jsonrpc":"2.0","method":"test_double","params":[1],"id":1})";
            const auto batch =
                boost::json::parse(dispatch(table, small, "[" + first + "," + call + "]"));
            check(boost::json::serialize(boost::json::array{batch.as_array().back()}), -32004);
            const RpcError busy{RpcCode::not_available, "later"};
            check(refuse(read_request(table, {}, call), busy), -32005);
            check(refuse(read_request(table, {}, "[" + call + "]"), busy), -32005);
        }
        // A notification is not answered, whatever becomes of its batch.
        const std::string call = R"({"jsonrpc":"2.0","id":1,"method":"test_double","params":[1]})";
        const std::string notice = R"({"jsonrpc":"2.0","method":"test_double","params":[1]})";
        const auto batch =
            boost::json::parse(dispatch(table, small, "[" + call + "," + notice + "]"));
        CHECK(batch.as_array().size() == 1);
    }

    TEST_CASE("an answer above the limit is refused; a batch keeps what fitted before it") {
        const MethodTable table = make_table();
        const std::string call = R"({"jsonrpc":"2.0","id":1,"method":"test_double","params":[1]})";
        const std::size_t size = dispatch(table, {}, call).size();
        CHECK(code_of(dispatch(table, {.response_bytes_max = size}, call)) == 0);
        CHECK(code_of(dispatch(table, {.response_bytes_max = size - 1}, call)) == -32004);
        const auto batch = boost::json::parse(dispatch(table, {.response_bytes_max = size + 5},
                                                       "[" + call + "," + call + "," + call + "]"))
                               .as_array();
        REQUIRE(batch.size() == 3);
        CHECK(batch[1].at("result").at("doubled") == 2);
        CHECK(batch[2].at("error").at("code") == -32004);
        CHECK(batch[2].at("id") == 1);
    }

    TEST_CASE("the OpenRPC document and the manual list what the dispatcher knows") {
        const MethodTable table = make_table();
        const auto document = table.openrpc();
        const auto& method = document.at("methods").as_array().at(0).as_object();
        CHECK(method.at("name") == "test_double");
        CHECK(method.at("params").as_array().at(0).at("required") == true);
        CHECK(method.at("params").as_array().at(1).at("required") == false);
        CHECK(table.markdown().find("`test_double`") != std::string::npos);
    }
}

namespace {

class MemoryBlobs final : public BlobPort {
  public:
    class MemoryUpload final : public Upload {
      public:
        explicit MemoryUpload(std::string& target) : target_(target) {}
        Status<> write(ByteView piece) override {
            target_ += as_text(piece);
            return Ok{};
        }
        Result<End> finish() override { return End{"feed", 0}; }

      private:
        std::string& target_;
    };
    Result<std::unique_ptr<Upload>> upload(std::uint64_t bytes) override {
        if (bytes > 1000)
            return Err{Error{kBlobStoreFull, "no room for " + std::to_string(bytes) + " bytes"}};
        return std::unique_ptr<Upload>(std::make_unique<MemoryUpload>(got));
    }
    Result<std::unique_ptr<Upload>> part(std::string_view, std::uint64_t, std::uint64_t bytes,
                                         std::uint64_t) override {
        return upload(bytes);
    }
    std::optional<Download> find(std::string_view id) override {
        if (id != "feed") return std::nullopt;
        return Download{path, size};
    }
    std::string got;
    std::string path;
    std::uint64_t size = 0;
};

/// Sends raw bytes to the server and reads until it closes.
std::string talk(std::uint16_t port, const std::string& request) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(fd >= 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    std::size_t sent = 0;
    while (sent < request.size()) {
        const ssize_t n = ::send(fd, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<std::size_t>(n);
    }
    std::string out;
    std::array<char, 4096> piece{};
    for (;;) {
        const ssize_t n = ::recv(fd, piece.data(), piece.size(), 0);
        if (n <= 0) break;
        out.append(piece.data(), static_cast<std::size_t>(n));
    }
    ::close(fd);
    return out;
}

std::string post(const std::string& body, const std::string& headers = "") {
    return "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: "
           "application/json\r\n" +
           headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_SUITE("node/rpc/server_http") {
    TEST_CASE("requests, blobs and refusals over a real socket") {
        const MethodTable table = make_table();
        MemoryBlobs blobs;
        bool ready = false;
        HttpSettings settings;
        settings.port = 0;
        settings.body_bytes_max = 1000;
        HttpServer server({table, blobs, [&] { return ready; }, nullptr, nullptr, nullptr},
                          settings);
        REQUIRE(server.start().has_value());
        const std::uint16_t port = server.port();
        const std::string call = R"({"jsonrpc":"2.0","id":1,"method":"test_double","params":[4]})";

        CHECK(talk(port, post(call)).find("\"doubled\":8") != std::string::npos);
        CHECK(talk(port, post(std::string(2000, ' '))).find("413") != std::string::npos);
        CHECK(talk(port,
                   "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
                   "Content-Length: 2\r\n\r\n{}")
                  .find(" 415 ") != std::string::npos);
        CHECK(talk(port, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").find(" 403 ") !=
              std::string::npos);
        CHECK(talk(port, "GET /ready HTTP/1.0\r\n\r\n").find(" 503 ") != std::string::npos);
        CHECK(talk(port, "BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n").find(" 405 ") !=
              std::string::npos);
        CHECK(talk(port,
                   "PUT /blob HTTP/1.1\r\nHost: localhost\r\nConnection: "
                   "close\r\nContent-Length: 5\r\n\r\nhello")
                  .find("feed") != std::string::npos);
        CHECK(blobs.got == "hello");
        CHECK(talk(port, "PUT /blob HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n")
                  .find(" 507 ") != std::string::npos);
        CHECK(talk(port, "PUT /blob HTTP/1.1\r\nHost: localhost\r\n\r\n").find(" 411 ") !=
              std::string::npos);
        CHECK(talk(port, "GET /blob/none HTTP/1.0\r\n\r\n").find(" 404 ") != std::string::npos);

        char name[] = "/tmp/millrace_rpc_XXXXXX";
        const int fd = ::mkstemp(name);
        REQUIRE(fd >= 0);
        REQUIRE(::write(fd, "0123456789", 10) == 10);
        ::close(fd);
        blobs.path = name;
        blobs.size = 10;
        CHECK(talk(port, "GET /blob/feed HTTP/1.0\r\n\r\n").ends_with("\r\n\r\n0123456789"));
        CHECK(talk(port, "GET /blob/feed HTTP/1.0\r\nRange: bytes=4-6\r\n\r\n")
                  .ends_with("\r\n\r\n456"));
        CHECK(talk(port, "GET /blob/feed HTTP/1.0\r\nRange: bytes=8-\r\n\r\n")
                  .ends_with("\r\n\r\n89"));
        CHECK(talk(port, "GET /blob/feed HTTP/1.0\r\nRange: bytes=11-\r\n\r\n").find(" 416 ") !=
              std::string::npos);
        ::unlink(name);
        server.stop();

        HttpServer again({table, blobs, [] { return true; }, nullptr, nullptr, nullptr}, settings);
        CHECK(again.start().has_value());
    }

    TEST_CASE("a call that was made is told so when its answer finds no room") {
        MethodTable table = make_table();
        std::atomic<int> done = 0;
        table.add<EchoParams>("test_say", "Has much to say.", boost::json::object{{"number", 1}},
                              [&](const EchoParams&) -> Result<LongResult, RpcError> {
                                  ++done;
                                  return LongResult{std::string(100'000, 'x')};
                              });
        table
            .add<EchoParams>("test_long", "Takes long.", boost::json::object{{"number", 1}},
                             [&](const EchoParams&) -> Result<LongResult, RpcError> {
                                 ++done;
                                 return LongResult{};
                             })
            .slow();
        MemoryBlobs blobs;
        HttpSettings settings;
        settings.port = 0;
        settings.answers_bytes_max = 1'000;
        settings.dispatch.batch_max = 10'000;
        settings.body_bytes_max = 4U << 20U;
        HttpServer server({table, blobs, [] { return true; }, nullptr, nullptr, nullptr}, settings);
        REQUIRE(server.start().has_value());
        const auto call = [](const char* method) {
            return std::string(R"({"jsonrpc":"2.0","id":1,"params":[4],"method":")") + method +
                   "\"}";
        };
        const std::string made = talk(server.port(), post(call("test_say")));
        CHECK(done == 1);
        CHECK(made.find("-32005") != std::string::npos);
        CHECK(made.find("this was done") != std::string::npos);
        const std::string refused = talk(server.port(), post(call("test_long")));
        CHECK(done == 1);
        CHECK(refused.find("-32005") != std::string::npos);
        CHECK(refused.find("this was not begun") != std::string::npos);
        // However many calls a batch may have, its refusal is short.
        std::string batch = "[" + call("test_long");
        for (int i = 1; i < 10'000; ++i) batch += "," + call("test_long");
        const std::string all = talk(server.port(), post(batch + "]"));
        CHECK(done == 1);
        CHECK(all.find("this was not begun") != std::string::npos);
        CHECK(all.size() < 64U * 1024U);
    }

    TEST_CASE("a stop in the middle of long calls leaves nothing behind that uses the loops") {
        MethodTable table = make_table();
        std::atomic<int> begun = 0;
        table
            .add<EchoParams>("test_long", "Takes longer than a stop is patient.",
                             boost::json::object{{"number", 1}},
                             [&](const EchoParams&) -> Result<EchoResult, RpcError> {
                                 ++begun;
                                 std::this_thread::sleep_for(std::chrono::milliseconds(1'300));
                                 return EchoResult{};
                             })
            .slow();
        MemoryBlobs blobs;
        HttpSettings settings;
        settings.port = 0;
        HttpServer server({table, blobs, [] { return true; }, nullptr, nullptr, nullptr}, settings);
        REQUIRE(server.start().has_value());
        const std::string call = R"({"jsonrpc":"2.0","id":1,"method":"test_long","params":[4]})";
        // Two are run, the others wait in the queue.
        std::vector<std::thread> clients;
        for (int i = 0; i < 6; ++i)
            clients.emplace_back([&] { (void)talk(server.port(), post(call)); });
        while (begun < 2) std::this_thread::yield();
        server.stop();
        for (std::thread& client : clients) client.join();
        CHECK(begun == 2);
    }

    TEST_CASE("a taken port is refused with a sentence that says what to do") {
        const MethodTable table;
        MemoryBlobs blobs;
        HttpSettings settings;
        settings.port = 0;
        HttpServer first({table, blobs, [] { return true; }, nullptr, nullptr, nullptr}, settings);
        REQUIRE(first.start().has_value());
        settings.port = first.port();
        HttpServer second({table, blobs, [] { return true; }, nullptr, nullptr, nullptr}, settings);
        const auto refused = second.start();
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().message.find("--rpc-port") != std::string::npos);
    }
}

}  // namespace millrace::node::rpc

// Input: a text as it may stand after `Range:` or `Content-Range:` in a request for a blob, or
// after `--node` on the wallet's command line. A range that is accepted lies in the blob; a URL
// that is accepted has the one form that there is.
#include <boost/beast/http/verb.hpp>

#include "node/rpc/detail/blob_http.hpp"
#include "node/rpc/http_range.hpp"
#include "wallet/client.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace millrace;
    namespace http = boost::beast::http;
    const std::string_view text = as_text(ByteView(data, size));
    for (const std::uint64_t blob :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1'000}, ~std::uint64_t{0}}) {
        const auto range = node::rpc::parse_range(text, blob);
        if (!range) continue;
        MILLRACE_ASSERT(text.starts_with("bytes="));
        MILLRACE_ASSERT(range->begin <= range->end && range->end <= blob);
    }
    if (const auto range = node::rpc::parse_content_range(text))
        MILLRACE_ASSERT(text.starts_with("bytes ") && range->range.begin < range->range.end &&
                        range->range.end <= range->total);
    for (const http::verb verb : {http::verb::get, http::verb::head, http::verb::put})
        MILLRACE_ASSERT(!node::rpc::is_blob_request(verb, text) || text.starts_with("/blob"));
    MILLRACE_ASSERT(!node::rpc::is_blob_request(http::verb::post, text));
    const auto client = wallet::Client::make(std::string(text));
    if (client.has_value())
        MILLRACE_ASSERT((text.starts_with("http://") || text.starts_with("https://")) &&
                        text.size() >= 10 && text.find(':', 7) != std::string_view::npos);
    else
        MILLRACE_ASSERT(!client.error().message.empty());
    return 0;
}

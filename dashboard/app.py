"""The dashboard: page settings, navigation, and the net under every page. Start it with `nmtr dashboard`."""

import streamlit as st

from dashboard import address, cache, guard
from dashboard.warming import warming
from dashboard.widgets.theme import watch_theme
from nmtr.shipped import ASSETS

st.set_page_config(page_icon=str(ASSETS / "icon.png"), layout="wide")
st.html(ASSETS / "style.css")
st.logo(str(ASSETS / "logo.svg"), size="large")

page = st.navigation(
    {
        "": [
            st.Page(
                address.PAGES["home"],
                title="Home",
                icon=":material/home:",
                default=True,
                help="What this is, how well it does, and where to begin.",
            ),
            st.Page(
                address.PAGES["tour"],
                title="Tour",
                icon=":material/signpost:",
                help="One shopper and one purchase in six steps.",
            ),
        ],
        "Explore": [
            st.Page(
                address.PAGES["shopper"],
                title="Shopper",
                icon=":material/shopping_bag:",
                help="What a shopper did, what they would buy next, and why.",
            ),
            st.Page(
                address.PAGES["cascade"],
                title="Cascade",
                icon=":material/stairs_2:",
                help="One score taken apart, stage by stage.",
            ),
            st.Page(
                address.PAGES["whatif"],
                title="What if",
                icon=":material/tune:",
                help="What a shopper would get with another history.",
            ),
            st.Page(
                address.PAGES["item"],
                title="Item",
                icon=":material/sell:",
                help="What the model says of all items, and of one: who may buy it, and where it gets stuck.",
            ),
        ],
        "Train": [
            st.Page(
                address.PAGES["train"],
                title="Train",
                icon=":material/play_circle:",
                help="Choose data, model and loss weights; watch it learn.",
            ),
            st.Page(
                address.PAGES["lab"],
                title="λ lab",
                icon=":material/change_history:",
                help="Which loss weights are best, and which are as good.",
            ),
            st.Page(
                address.PAGES["runs"],
                title="Runs",
                icon=":material/list_alt:",
                help="Every run, its state, and its metrics beside its data set and protocol.",
            ),
            st.Page(address.PAGES["run"], title="Run", visibility="hidden"),
        ],
        "Judge": [
            st.Page(
                address.PAGES["compare"],
                title="Compare",
                icon=":material/leaderboard:",
                help="Which run is best, by how much, and whether that is more than chance.",
            ),
            st.Page(
                address.PAGES["groups"],
                title="Groups",
                icon=":material/grain:",
                help="How runs fare with groups of shoppers: who bought little, who buys what.",
            ),
            st.Page(  # what Groups was called before: old links go on to it
                lambda: address.onward("groups", left="sparsity"),
                title="Groups",
                url_path="sparsity",
                visibility="hidden",
            ),
            st.Page(
                address.PAGES["lists"],
                title="Lists",
                icon=":material/view_list:",
                help="What the lists of each model are like as a whole, beside what shoppers bought.",
            ),
            st.Page(
                address.PAGES["calibration"],
                title="Calibration",
                icon=":material/balance:",
                help="How far the chances that a model gives agree with what shoppers went on to do.",
            ),
            st.Page(
                address.PAGES["report"],
                title="Report",
                icon=":material/description:",
                help="One file of it all, for people who do not open this app.",
            ),
        ],
        "Data": [
            st.Page(
                address.PAGES["data"],
                title="Data",
                icon=":material/database:",
                help="What is in a data set, and what its protocol gives away.",
            ),
            st.Page(
                address.PAGES["add"],
                title="Add data",
                icon=":material/upload_file:",
                help="From a file of your own to a data set, or one of the catalogue.",
            ),
            st.Page(
                address.PAGES["glossary"],
                title="Words",
                icon=":material/dictionary:",
                help="What the words on these pages mean.",
            ),
        ],
    },
    position="top",
)
st.session_state["first_run_of_session"] = "first_run_of_session" not in st.session_state
address.sync_address(page.url_path)
watch_theme()
with guard.guarded():
    guard.attempt(cache.workspace().start_worker)  # where it cannot be, the page is there all the same
    guard.show_refusal()
    page.run()
address.write(page.url_path)
st.set_page_config(page_title=address.title(page.url_path, page.title))
warming.drawn()

"""The short names of emoji that people write most often, as on GitHub (https://api.github.com/emojis)."""

_NAMES = """
+1 👍|-1 👎|100 💯|airplane ✈️|alarm_clock ⏰|anchor ⚓|angry 😠|apple 🍎|arrow_down ⬇️|arrow_left ⬅️
arrow_right ➡️|arrow_up ⬆️|art 🎨|baby 👶|balloon 🎈|bangbang ‼️|bar_chart 📊|battery 🔋|beer 🍺|beers 🍻
bell 🔔|bike 🚲|blue_heart 💙|blush 😊|bomb 💣|book 📖|bookmark 🔖|books 📚|boom 💥|brain 🧠|broken_heart 💔
bug 🐛|bulb 💡|cactus 🌵|cake 🍰|calendar 📆|camera 📷|cat 🐱|chart_with_downwards_trend 📉
chart_with_upwards_trend 📈|checkered_flag 🏁|clap 👏|clipboard 📋|clock1 🕐|cloud ☁️|coffee ☕|computer 💻
confetti_ball 🎊|confused 😕|construction 🚧|construction_worker 👷|cookie 🍪|cool 🆒|crab 🦀|cry 😢
crying_cat_face 😿|dancer 💃|dart 🎯|date 📅|disappointed 😞|dizzy 💫|dog 🐶|dollar 💵|earth_africa 🌍
earth_americas 🌎|earth_asia 🌏|elephant 🐘|email 📧|envelope ✉️|exclamation ❗|eyes 👀|facepalm 🤦|fearful 😨
file_folder 📁|fire 🔥|fish 🐟|fist ✊|flashlight 🔦|floppy_disk 💾|flushed 😳|four_leaf_clover 🍀|fries 🍟
frowning 😦|game_die 🎲|gear ⚙️|gem 💎|ghost 👻|gift 🎁|globe_with_meridians 🌐|green_heart 💚|grimacing 😬
grin 😁|grinning 😀|guitar 🎸|hammer 🔨|hammer_and_wrench 🛠️|hand ✋|handshake 🤝|hankey 💩|headphones 🎧
heart ❤️|heart_eyes 😍|heavy_check_mark ✔️|heavy_exclamation_mark ❗|heavy_minus_sign ➖
heavy_multiplication_x ✖️|heavy_plus_sign ➕|honeybee 🐝|hourglass ⌛|house 🏠|hugs 🤗|hushed 😯|inbox_tray 📥
information_source ℹ️|innocent 😇|interrobang ⁉️|iphone 📱|joy 😂|key 🔑|keyboard ⌨️|kiss 💋|label 🏷️
laptop 💻|large_blue_circle 🔵|laughing 😆|leaves 🍃|lightning ⚡|link 🔗|lipstick 💄|lock 🔒|lollipop 🍭
loudspeaker 📢|mag 🔍|mag_right 🔎|mailbox 📫|man_shrugging 🤷‍♂️|mega 📣|memo 📝|microphone 🎤|microscope 🔬
money_with_wings 💸|moneybag 💰|monkey 🐒|moon 🌔|mortar_board 🎓|muscle 💪|musical_note 🎵|mute 🔇|nail_care 💅
neutral_face 😐|new 🆕|newspaper 📰|no_entry ⛔|no_entry_sign 🚫|notebook 📓|ok 🆗|ok_hand 👌|open_mouth 😮
orange_heart 🧡|outbox_tray 📤|package 📦|page_facing_up 📄|paperclip 📎|partying_face 🥳|pencil 📝|pencil2 ✏️
penguin 🐧|pensive 😔|phone ☎️|pig 🐷|pill 💊|pizza 🍕|point_down 👇|point_left 👈|point_right 👉
point_up ☝️|poop 💩|pray 🙏|printer 🖨️|purple_heart 💜|pushpin 📌|question ❓|rabbit 🐰|rage 😡|rainbow 🌈
raised_hand ✋|raised_hands 🙌|recycle ♻️|red_circle 🔴|relaxed ☺️|relieved 😌|robot 🤖|rocket 🚀|rofl 🤣
roll_eyes 🙄|rose 🌹|rotating_light 🚨|running 🏃|santa 🎅|satellite 📡|scissors ✂️|scream 😱|scroll 📜
seedling 🌱|see_no_evil 🙈|shield 🛡️|ship 🚢|shipit 🐿️|shrug 🤷|skull 💀|sleeping 😴
slightly_smiling_face 🙂|smile 😄|smiley 😃|smirk 😏|snail 🐌|snake 🐍|snowflake ❄️|sob 😭|sparkle ❇️
sparkles ✨|sparkling_heart 💖|speech_balloon 💬|star ⭐|star2 🌟|stop_sign 🛑|stopwatch ⏱️
stuck_out_tongue 😛|sunflower 🌻|sunglasses 😎|sunny ☀️|sunrise 🌅|sweat 😓|sweat_smile 😅|tada 🎉|tea 🍵
telescope 🔭|test_tube 🧪|thinking 🤔|thought_balloon 💭|thumbsdown 👎|thumbsup 👍|ticket 🎫|toolbox 🧰
trophy 🏆|truck 🚚|turtle 🐢|tv 📺|umbrella ☔|unamused 😒|unicorn 🦄|unlock 🔓|upside_down_face 🙃|v ✌️
vertical_traffic_light 🚦|video_camera 📹|warning ⚠️|wastebasket 🗑️|watch ⌚|wave 👋|whale 🐳
white_check_mark ✅|white_circle ⚪|wink 😉|wolf 🐺|wrench 🔧|writing_hand ✍️|x ❌|yellow_heart 💛|yum 😋
zap ⚡|zzz 💤
"""
# {short name: character}
EMOJI = dict(entry.split(" ") for line in _NAMES.strip().splitlines() for entry in line.split("|"))
